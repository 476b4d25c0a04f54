"""`manage.py verify_proofs`: hash the books again and compare them with what was signed."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from citizencard.management.arguments import business_date
from citizencard.management.speaking import SpeakingCommand
from settlement.models import ProofHead
from settlement.selectors.audit import one_snapshot
from settlement.selectors.proof_checks import altered, broken_chain
from settlement.selectors.proofs import unproved_days


class Command(SpeakingCommand):
    """Verify all proved dates or one; it changes nothing."""

    help = (
        "Work out the trees of proved business dates anew from the books, follow the chain of signed heads, and list what "
        "differs. Exit code 0: everything is what was signed. Exit code 1: something was altered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument(
            "date", nargs="?", type=business_date, metavar="DATE", help="one date only, YYYY-MM-DD"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print, and exit with 1 when something differs."""
        heads = ProofHead.objects.order_by("size")
        if options["date"]:
            heads = heads.filter(business_date=options["date"])
        with one_snapshot():
            breaches = [*broken_chain(), *altered(heads)]
            checked, waiting = len(heads), unproved_days()
        for breach in breaches:
            self.stdout.write(str(breach))
        for day in waiting:
            self.stdout.write(f"{day} is sealed and not proved yet")
        if breaches:
            self.stdout.write(self.style.ERROR(f"{len(breaches)} differ: {checked:,} dates"))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS(f"everything is what was signed: {checked:,} dates"))
