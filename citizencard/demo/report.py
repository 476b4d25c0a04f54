"""What the played day came to, printed for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from django.utils.translation import gettext as _

from citizencard.demo.city import STAFF_PASSWORD
from citizencard.demo.day import Day
from citizencard.demo.tables import batch_table, reasons_table, tap_table
from citizencard.management.tables import console, settlement_table, trial_balance_table
from settlement.selectors.audit import audit_books
from settlement.selectors.reports import day_report
from terminals.models import Batch
from terminals.selectors.completeness import completeness

SHOWN_HOLDER = "lin"


def print_day(stream: TextIO, day: Day) -> bool:
    """Taps, uploads, reasons, settlement, trial balance and the audit; False when something does not add up."""
    out = console(stream)
    report, audit = day_report(day.date), audit_books()
    batches = Batch.objects.filter(business_date=day.date).select_related("terminal").order_by("pk")
    out.print(tap_table(day.taps))
    out.print(batch_table(batches))
    out.print(reasons_table(report))
    out.print(settlement_table(report))
    out.print(trial_balance_table(audit.trial_balance))
    records = completeness(business_date=day.date)
    figures = {name: getattr(records, name) for name in ("accepted", "suspended", "duplicate", "rejected")}
    out.print(
        _(
            "records: %(accepted)s accepted, %(suspended)s suspended, %(duplicate)s duplicate, %(rejected)s rejected"
        )
        % figures
    )
    for breach in audit.breaches:
        out.print(str(breach))
    out.print(_("audit: %(count)s invariants broken") % {"count": len(audit.breaches)})
    out.print(
        _("every tap accounted for: %(accounted)s of %(received)s")
        % {"accounted": records.accounted, "received": records.received}
    )
    return records.complete and not audit.breaches


def print_logins(stream: TextIO, url: str, wallets: Path) -> None:
    """Where to look, and as whom."""
    out = console(stream)
    carried = json.loads(wallets.read_text()) if wallets.exists() else {}
    out.print(
        f"{_('citizen portal')}  {url}/  {_('card')} {carried.get(SHOWN_HOLDER, '-')}  {STAFF_PASSWORD}"
    )
    out.print(f"{_('office')}  {url}/office/  clerk | finance | auditor  {STAFF_PASSWORD}")
    out.print(f"{_('terminal API')}  {url}/api/v1/docs/")
