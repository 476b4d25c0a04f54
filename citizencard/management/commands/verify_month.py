"""`manage.py verify_month 2026-11`: is a closed month still what it was?"""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.table import Table

from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from settlement.models import MonthClose
from settlement.selectors.months import verified, wrong_dates


def month(text: str) -> date:
    """`2026-11` as its first day."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no month YYYY-MM") from None


class Command(SpeakingCommand):
    """Compare each report that was kept with its digest and with what the books say today, and the roll-ups with the ledger."""

    help = "Verify a closed month: digests of its reports, their figures from the books, roll-ups against the ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        """The month."""
        parser.add_argument("month", type=month, metavar="YYYY-MM")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found; exit 1 when anything differs."""
        close = MonthClose.objects.filter(month=options["month"], state=MonthClose.State.CLOSED).first()
        if close is None:
            raise CommandError(_("%(month)s is not closed.") % {"month": f"{options['month']:%Y-%m}"})
        table = Table(_("report"), _("SHA-256"), _("kept"), _("books"), title=f"{close}")
        found = list(verified(close))
        for each in found:
            table.add_row(each.code, each.digest[:16], _said(each.is_intact), _said(each.is_reproduced))
        console(self.stdout).print(table)
        wrong = wrong_dates(close)
        for line in wrong:
            self.stdout.write(line)
        if wrong or not all(each.is_intact and each.is_reproduced for each in found):
            raise CommandError(_("%(month)s is not what it was when it was closed.") % {"month": close})


def _said(holds: bool) -> str:
    return _("as it was") if holds else _("DIFFERS")
