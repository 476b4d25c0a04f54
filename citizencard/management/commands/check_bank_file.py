"""`manage.py check_bank_file`: read a payout file as its receiver does, and say whether its totals are right."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from citizencard.core.money import format_yuan
from citizencard.management.speaking import SpeakingCommand
from settlement.bankfiles.pain001 import read_pain001
from settlement.bankfiles.text import read_text
from settlement.bankfiles.values import Unreadable


class Command(SpeakingCommand):
    """Check a file; the database is not asked."""

    help = (
        "Read a payout file, pain.001 or text, as a bank does: its form, its count, its control sum, its trailer. Prints what it "
        "orders and its SHA-256, which is also on the batch's page."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the payout file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the totals; a bad file is one sentence and exit code 1."""
        content = options["file"].read_bytes()
        try:
            order = read_pain001(content) if content.lstrip().startswith(b"<") else read_text(content)
        except Unreadable as refusal:
            first = refusal.problems[0]
            raise CommandError(f"line {first.line}, {first.field}: {first.fault.label}") from None
        total = format_yuan(order.total_fen)
        self.stdout.write(
            f"{order.number}: {len(order.payments):,} payments, {total} yuan, {order.value_date}"
        )
        self.stdout.write(f"SHA-256 {hashlib.sha256(content).hexdigest()}")
