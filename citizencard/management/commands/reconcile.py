"""`manage.py reconcile`: compare a sealed date with terminals, ledger and bank, and say what is open of it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from citizencard.core.money import format_yuan
from citizencard.management.arguments import business_date
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from settlement.errors import NotReconcilable
from settlement.models import Difference
from settlement.selectors.differences import age_days, leg_figures, open_differences, over_age
from settlement.services.reconciling import reconcile_day

BAD_INPUT = 2


class Command(SpeakingCommand):
    """Compare, and report."""

    help = (
        "Compare a sealed business date with what its terminals told, the ledger and the bank, and list what is open of it. "
        "Exit code 0: nothing is open for longer than it may be, 1: something is, 2: the date is not sealed. Again, it "
        "changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("date", type=business_date, metavar="DATE", help="a business date, YYYY-MM-DD")
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, report, and exit with 1 when something is over age."""
        day, now = options["date"], timezone.now()
        try:
            reconcile_day(day=day, now=now)
        except NotReconcilable as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        standing = list(open_differences().filter(business_date=day).select_related("terminal", "merchant"))
        late = set(over_age(now).filter(business_date=day).values_list("pk", flat=True))
        if options["json"]:
            content = {
                "date": day,
                "figures": asdict(leg_figures(day)),
                "open": [_content(each, now, each.pk in late) for each in standing],
            }
            self.stdout.write(json.dumps(content, ensure_ascii=False, default=str))
        else:
            if standing:
                console(self.stdout).print(_table(standing, now, late))
            self.stdout.write(
                _("%(date)s: %(open)s differences are open, %(late)s of them for too long.")
                % {"date": day, "open": len(standing), "late": len(late)}
            )
        if late:
            sys.exit(1)


def _content(difference: Difference, now: datetime, late: bool) -> dict[str, Any]:
    names = ("kind", "subject", "owner", "state", "count", "ours_fen", "theirs_fen", "since")
    age = {"days": age_days(difference, now), "over_age": late}
    return {name: getattr(difference, name) for name in names} | age


def _table(standing: list[Difference], now: datetime, late: set[int]) -> Table:
    table = Table(title=_("Reconciliation differences"))
    for heading in (_("kind"), _("where"), _("owner")):
        table.add_column(heading)
    for heading in (_("records"), _("amount"), _("days")):
        table.add_column(heading, justify="right")
    for each in standing:
        days = f"{age_days(each, now)}{'!' if each.pk in late else ''}"
        where = each.terminal.code if each.terminal else each.merchant.name if each.merchant else each.subject
        table.add_row(
            each.get_kind_display(), where, each.get_owner_display(), f"{each.count:,}", format_yuan(each.amount_fen), days
        )  # fmt: skip
    return table
