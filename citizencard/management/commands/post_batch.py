"""`manage.py post_batch`: upload a batch file as a terminal does, for depots and for trying things out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.table import Table

from citizencard.management.chips import add_centre_arguments, sentence, terminal_key
from citizencard.management.tables import console
from terminals.program.client import CentreClient
from terminals.program.errors import CentreRefused, CentreUnavailable

COUNTS = ("records", "accepted", "suspended", "duplicate", "rejected")


class Command(BaseCommand):
    """Post one batch."""

    help = (
        "Upload a batch file (newline-delimited JSON: a header with batch_no, count and total_fen, then one tap record "
        "a line) over the signed API, and print what became of each record. Repeating it changes nothing."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", metavar="FILE", help="the batch file, or - for standard input")
        parser.add_argument("--terminal", required=True, metavar="CODE", help="the terminal that signs")
        add_centre_arguments(parser)
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Upload; a batch refused as a whole is one sentence and exit code 1."""
        body = _read(options["file"])
        key = terminal_key(options["terminal"], options["key"])
        client = CentreClient(options["url"], options["terminal"], key)
        try:
            answer = client.post_body(body)
        except (CentreRefused, CentreUnavailable) as error:
            raise CommandError(sentence(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
            return
        counts = ", ".join(f"{answer[name]} {name}" for name in COUNTS)
        self.stdout.write(f"batch {answer['batch_no']} of {answer['business_date']}: {counts}")
        if answer["problems"]:
            console(self.stdout).print(_problems(answer["problems"]))


def _problems(problems: list[dict[str, Any]]) -> Table:
    table = Table()
    for name in ("line", "result", "code", "detail", "card", "sequence"):
        table.add_column(name, justify="right" if name == "line" else "left")
    for problem in problems:
        names = ("line", "result", "code", "detail", "card_no", "terminal_seq")
        table.add_row(*(str(problem.get(name, "")) for name in names))
    return table


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
