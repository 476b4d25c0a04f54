"""`manage.py bureau_answer`: take in what the printing bureau made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.table import Table

from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from terminals.services.bureau_answer import take_answer


class Command(SpeakingCommand):
    """Read the bureau's answer."""

    help = (
        "Take in the bureau's answer (CSV: batch, card_number, chip_serial, outcome made or spoiled). Lines that do not "
        "fit are listed and change nothing; the same file can be taken again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the answer")
        parser.add_argument(
            "--actor", required=True, metavar="USER", help="who takes it in, for the audit trail"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Take and print; a line with a problem makes the exit code 1."""
        try:
            report = take_answer(text=options["file"].read_text("utf-8"), actor=options["actor"])
        except UnicodeDecodeError:
            raise CommandError(f"{options['file']} is no text in UTF-8.") from None
        self.stdout.write(f"{report.taken} taken, {report.repeated} known, {len(report.problems)} refused")
        if report.problems:
            table = Table()
            for name in ("line", "code", "detail"):
                table.add_column(name)
            for problem in report.problems:
                table.add_row(str(problem.line), problem.code, str(problem.detail))
            console(self.stdout).print(table)
            raise CommandError("Some lines were not taken.")
