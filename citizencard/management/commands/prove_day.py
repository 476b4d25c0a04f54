"""`manage.py prove_day`: the signed head of a sealed business date, made if it is not there yet."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from citizencard.management.arguments import business_date
from citizencard.management.speaking import SpeakingCommand
from settlement.models import ProofHead
from settlement.selectors.proofs import published
from settlement.services.proving import prove_day


class Command(SpeakingCommand):
    """Prove one date, and those before it that wait."""

    help = (
        "Hash a sealed business date's transfers and purses into their trees, add the date to the log and sign its head. "
        "Dates before it are proved first; a proved date is only shown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("date", type=business_date, metavar="DATE", help="the date, YYYY-MM-DD")
        parser.add_argument("--json", action="store_true", help="print the head as it is published")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prove and print; what stops it is one sentence and exit code 1."""
        head = prove_day(day=options["date"])
        self.stdout.write(json.dumps(published(head), sort_keys=True) if options["json"] else _line(head))


def _line(head: ProofHead) -> str:
    return (
        f"{head.business_date}: {head.transfers:,} transfers, {head.purses:,} purses with {head.liabilities_fen:,} fen, "
        f"log of {head.size:,} dates, digest {bytes(head.digest).hex()[:16]}"
    )
