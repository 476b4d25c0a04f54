"""`manage.py import_bank_statement`: take a file from the bank, a statement or the answer to a payout file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from rich.table import Table

from citizencard.core.money import format_yuan
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from settlement.bankfiles import pain002
from settlement.errors import BankFileRefused
from settlement.services.order_status import import_status_report
from settlement.services.statements import import_statement

PROBLEMS_SHOWN_MAX = 200


class Command(SpeakingCommand):
    """Take it whole or not at all."""

    help = (
        "Take a file from the bank: a statement of the reserve account (camt.053.001.08), whose lines are matched and booked, "
        "or the answer to a payout file (pain.002.001.10). A file is taken whole or not at all, and once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the bank's XML file")
        parser.add_argument(
            "--actor", required=True, metavar="USER", help="who takes it, for the audit trail"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Take and tell; what is wrong is a table and exit code 1."""
        content = options["file"].read_bytes()
        try:
            self._take(content, options["actor"])
        except BankFileRefused as refusal:
            table = Table("line", "field", "code", "what")
            for problem in refusal.data["problems"][:PROBLEMS_SHOWN_MAX]:
                table.add_row(str(problem.line), problem.field, problem.fault.value, str(problem.fault.label))
            console(self.stdout).print(table)
            raise CommandError(str(refusal)) from None

    def _take(self, content: bytes, actor: str) -> None:
        now = timezone.now()
        if pain002.MESSAGE.encode() in content[:1000]:
            batch = import_status_report(content=content, actor=actor, now=now)
            self.stdout.write(f"payout batch {batch.number}: {batch.state}")
            return
        statement = import_statement(content=content, actor=actor, now=now)
        closing = format_yuan(statement.closing_fen)
        self.stdout.write(f"statement {statement.number} of {statement.day}: closes with {closing} yuan")
        for what in statement.entries.model.What:
            if count := statement.entries.filter(what=what).count():
                self.stdout.write(f"  {what.value}: {count:,}")
