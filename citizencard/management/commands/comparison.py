"""`manage.py comparison`: check and take a list of what has happened to people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.errors import ComparisonRefused
from accounts.models import PersonChange
from accounts.services.comparison import check_comparison, take_comparison
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console, show_problems


class Command(SpeakingCommand):
    """Check or take."""

    help = (
        "Take another authority's list of deaths, moves and new names (CSV, UTF-8 or GBK: first line list number, sender, day, "
        "rows; then row, document number, 死亡/死亡撤销/迁出/迁入/更名, day, new name). It is taken whole or not at all; the same "
        "file again is the same list. What it says of people on the register waits in the office for a second person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the list")
        parser.add_argument("--dry-run", action="store_true", help="only list every bad row")
        parser.add_argument("--maker", metavar="USER", help="who uploads, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; what stands against it is a table and a sentence, and exit code 1."""
        content = options["file"].read_bytes()
        try:
            if options["dry_run"]:
                if problems := check_comparison(content=content):
                    raise ComparisonRefused(problems)
                self.stdout.write("no problems, nothing taken")
            else:
                self._take(content, options["maker"])
        except ComparisonRefused as refusal:
            show_problems(self.stdout, refusal.data["problems"])
            raise CommandError(str(refusal)) from None

    def _take(self, content: bytes, maker: str | None) -> None:
        if not maker:
            raise CommandError("--maker says who uploads.")
        with console(self.stdout).status("comparing …"):
            taken = take_comparison(content=content, maker=maker)
        waiting = taken.changes.filter(state=PersonChange.State.PROPOSED).count()
        self.stdout.write(
            f"{taken}: {taken.lines:,} lines, {taken.known:,} of people on register, {waiting:,} changes wait for a decision"
        )
