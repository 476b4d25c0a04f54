"""What the played day came to, printed for people."""

from __future__ import annotations

import json
from pathlib import Path

from django.utils.translation import gettext as _
from rich.table import Table

from citizencard.core.money import format_yuan
from citizencard.demo.city import STAFF_PASSWORD
from citizencard.demo.day import Day
from citizencard.demo.tables import batch_table, money_table, tap_table
from citizencard.management.tables import console, section_table, trial_balance_table
from settlement.selectors.audit import Audit, audit_books
from settlement.selectors.bank import last_statement
from settlement.selectors.reports.daily import day_report
from settlement.selectors.reserve import reserve_position
from terminals.models import Batch
from terminals.selectors.completeness import Completeness, completeness

SHOWN_HOLDER = "lin"


def print_day(stream: object, day: Day) -> bool:
    """Taps, uploads, reasons, settlement, trial balance and the audit; False when something does not add up."""
    out = console(stream)
    report, audit = day_report(day.business_date), audit_books()
    batches = Batch.objects.filter(business_date=day.business_date).select_related("terminal").order_by("pk")
    out.print(tap_table(day.taps))
    out.print(batch_table(batches))
    for section in report.sections:
        out.print(section_table(section))
    out.print(money_table())
    out.print(trial_balance_table(audit.trial_balance))
    records = completeness(business_date=day.business_date)
    for breach in audit.breaches:
        out.print(str(breach))
    for line in _summary(records, audit):
        out.print(line)
    return records.complete and not audit.breaches


def _summary(records: Completeness, audit: Audit) -> list[str]:
    """The lines everybody looks for, in both languages at once."""
    rows = audit.trial_balance
    difference_fen = sum(row.debit_fen for row in rows) - sum(row.credit_fen for row in rows)
    return [
        f"records 记录: {records.accepted} accepted 接受, {records.suspended} suspended 挂账, "
        f"{records.duplicate} duplicate 重复, {records.rejected} rejected 拒绝",
        f"trial balance 试算差额: {format_yuan(difference_fen)}",
        f"audit 核对: {len(audit.breaches)} invariants broken 项不符",
        _reserve(),
        f"every tap accounted for 每笔交易都有着落: {records.accounted} of {records.received}",
    ]


def _reserve() -> str:
    """Bank and books at the end of the last statement's date."""
    statement = last_statement()
    if statement is None:
        return "reserve 备付金: no bank statement yet 尚无银行对账单"
    position = reserve_position(statement, statement.day)
    return (
        f"reserve 备付金差额: {format_yuan(position.difference_fen)} "
        f"(bank 银行 {format_yuan(position.bank_fen)}, {statement.day})"
    )


def print_logins(stream: object, url: str, wallets: Path) -> None:
    """Where to look, and as whom."""
    carried = json.loads(wallets.read_text()) if wallets.exists() else {}
    table = Table(_("where"), _("address"), _("login"), _("password"))
    table.add_row(_("citizen portal"), f"{url}/", carried.get(SHOWN_HOLDER, ""), STAFF_PASSWORD)
    staff = "clerk | finance | supervisor | auditor | administrator | custodian"
    table.add_row(_("office"), f"{url}/office/", staff, STAFF_PASSWORD)
    table.add_row(_("terminal API"), f"{url}/api/v1/docs/")
    console(stream).print(table)
