"""`manage.py sandbox_bank`: the bank's stand-in, which answers a payout file with a status report and a statement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from citizencard.core.money import parse_yuan
from citizencard.management.speaking import SpeakingCommand
from citizencard.sandbox.bank import CLOSED_ENDING, Booking, answer
from settlement.bankfiles.values import Unreadable
from settlement.selectors.bank import last_statement


class Command(SpeakingCommand):
    """Read an order, write two files."""

    help = (
        "Play the bank: read a pain.001 payout file and write pain.002.xml and camt.053.xml beside it. Payments are booked on "
        f"the value date; those to account numbers that end in {CLOSED_ENDING} are rejected. No money moves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the payout file (pain.001)")
        parser.add_argument(
            "--receipt",
            nargs=2,
            action="append",
            default=[],
            metavar=("REFERENCE", "YUAN"),
            help="money that comes in, e.g. GW-1 500.00; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Answer; a file that no bank could read is one sentence and exit code 1."""
        if settings.PRODUCTION:
            raise CommandError("The sandbox bank does not run in production.")
        try:
            content = options["file"].read_bytes()
            receipts = [Booking(parse_yuan(yuan), reference=name) for name, yuan in options["receipt"]]
        except ValueError as error:
            raise CommandError(str(error)) from error
        last = last_statement()
        try:
            answers = answer(content, opening_fen=last.closing_fen if last else 0, receipts=receipts)
        except Unreadable as refusal:
            first = refusal.problems[0]
            raise CommandError(f"line {first.line}, {first.field}: {first.fault.label}") from None
        for name, written in zip(("pain.002.xml", "camt.053.xml"), answers, strict=True):
            target = options["file"].with_name(name)
            target.write_bytes(written)
            self.stdout.write(f"{target}: {len(written):,} bytes")
