"""`manage.py clear_day`: clear a business date and show its settlement."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from citizencard.management.arguments import business_date
from citizencard.management.progress import clearing_progress
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console, section_table
from settlement.models import ClearingRun
from settlement.selectors.reports.daily import day_report
from settlement.selectors.runs import progress
from settlement.services.clearing import clear_day, clear_due_days

_LOOK_SECONDS: Final = 0.2


class Command(SpeakingCommand):
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
        parser.add_argument("--follow", action="store_true", help="show how far it has come (DATE only)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Clear and print; what stops the clearing is one sentence and exit code 1."""
        if options["follow"] and options["date"] is None:
            raise CommandError("--follow needs a DATE")
        runs = self._followed(options["date"]) if options["follow"] else self._clear(options["date"])
        for run in runs:
            console(self.stdout).print(section_table(day_report(run.business_date).sections[0]))
            digest = bytes(run.digest or b"").hex()
            self.stdout.write(f"{run.business_date} {run.state}, {run.taps:,} taps, digest {digest[:16]}")
        if not runs:
            self.stdout.write("No business date is due.")

    def _followed(self, day: date) -> list[ClearingRun]:
        """Clear in a thread, and look how far it and the workers who help have come."""
        with ThreadPoolExecutor(1) as pool, clearing_progress(console(self.stderr)) as show:
            clearing = pool.submit(self._alone, day)
            while not clearing.done():
                show(progress(day))
                wait([clearing], timeout=_LOOK_SECONDS)
            show(progress(day))
        return [clearing.result()]

    @staticmethod
    def _alone(day: date) -> ClearingRun:
        try:
            return clear_day(day=day)
        finally:
            connection.close()

    def _clear(self, day: date | None) -> list[ClearingRun]:
        return clear_due_days() if day is None else [clear_day(day=day)]
