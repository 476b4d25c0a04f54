"""`manage.py clear_day`: clear a business date and show its settlement."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from citizencard.core.errors import CitizenCardError
from citizencard.management.arguments import business_date
from citizencard.management.tables import console, settlement_table
from settlement.models import ClearingRun
from settlement.selectors.reports import day_report
from settlement.services.clearing import clear_day, clear_due_days


class Command(BaseCommand):
    """Clear one date or all that are due."""

    help = (
        "Close a business date: stop taking taps for it, net it per merchant, take the fees, make the settlement "
        "statements, audit the ledger and seal the date. Can be repeated at any time; a cleared date is only shown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("date", nargs="?", type=business_date, metavar="DATE", help="the date, YYYY-MM-DD")
        which.add_argument("--due", action="store_true", help="every unsealed date before today in Shanghai")

    def handle(self, *args: Any, **options: Any) -> None:
        """Clear and print; what stops the clearing is one sentence and exit code 1."""
        try:
            runs = self._clear(options["date"])
        except CitizenCardError as error:
            raise CommandError(str(error)) from None
        for run in runs:
            console(self.stdout).print(settlement_table(day_report(run.business_date)))
            digest = bytes(run.digest or b"").hex()
            self.stdout.write(f"{run.business_date} {run.state}, {run.taps:,} taps, digest {digest[:16]}")
        if not runs:
            self.stdout.write("No business date is due.")

    def _clear(self, day: date | None) -> list[ClearingRun]:
        return clear_due_days() if day is None else [clear_day(day=day)]
