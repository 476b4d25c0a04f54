"""`manage.py audit_ledger`: every invariant of the books, checked at one moment."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from citizencard.core.invariants import Breach
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console, trial_balance_table
from settlement.selectors.audit import INVARIANTS, Audit, audit_books, number_of


class Command(SpeakingCommand):
    """Audit the ledger; it changes nothing and may run beside the working city."""

    help = (
        "Check the invariants I1 to I12 of ledger, purses, taps, batches and settlement, and print the trial balance. "
        "Exit code 0: clean. Exit code 1: an invariant is broken; each breach is listed. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Audit, print, and exit with 1 when something is broken."""
        audit = audit_books()
        if options["json"]:
            self.stdout.write(_as_json(audit))
        else:
            self._print(audit)
        if audit.breaches:
            sys.exit(1)

    def _print(self, audit: Audit) -> None:
        console(self.stdout).print(trial_balance_table(audit.trial_balance))
        broken = {number_of(breach.invariant) for breach in audit.breaches}
        for invariant in INVARIANTS:
            sign = "✗" if invariant.number in broken else "✓"
            self.stdout.write(f"{sign} {invariant.number:<4}{invariant.law} ({len(invariant.rules)} checks)")
        counted = f"{audit.rules} checks over {audit.transfers:,} transfers, {audit.taps:,} taps, {audit.days:,} dates"
        if not audit.breaches:
            self.stdout.write(self.style.SUCCESS(f"clean: {counted}"))
            return
        for breach in audit.breaches:
            self.stdout.write(f"{number_of(breach.invariant)} {breach}")
        self.stdout.write(self.style.ERROR(f"{len(audit.breaches)} broken: {counted}"))


def _as_json(audit: Audit) -> str:
    breaches: list[Breach] = audit.breaches
    content = {
        "clean": not breaches,
        "checks": audit.rules,
        "transfers": audit.transfers,
        "taps": audit.taps,
        "business_dates": audit.days,
        "breaches": [{"number": number_of(breach.invariant), **asdict(breach)} for breach in breaches],
        "trial_balance": [asdict(row) for row in audit.trial_balance],
    }
    return json.dumps(content, ensure_ascii=False, default=str)
