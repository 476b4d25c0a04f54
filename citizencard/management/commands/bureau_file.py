"""`manage.py bureau_file`: order cards from the printing bureau, as one enciphered file and a signed note about it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from citizencard.management.speaking import SpeakingCommand
from terminals.services.bureau import BureauFile, order_batch


class Command(SpeakingCommand):
    """Write a file for the bureau."""

    help = (
        "Order cards that have no chip yet from the printing bureau. Names, documents and card numbers stand in the "
        "output only as CMS EnvelopedData for the bureau's certificate; beside it lies OUT.manifest.json, in clear and "
        "signed, without any. The same cards are one batch: its file is written a second time only with --again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--cards", nargs="+", metavar="NUMBER", help="card numbers, 19 digits each")
        which.add_argument("--from-file", type=Path, metavar="FILE", help="a file with a card number a line")
        parser.add_argument(
            "--certificate", type=Path, required=True, metavar="PEM", help="the bureau's certificate (RSA)"
        )
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the file goes")
        parser.add_argument("--again", action="store_true", help="write the file of a known batch once more")
        parser.add_argument("--actor", required=True, metavar="USER", help="who orders, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Order and write; what stands against it is one sentence and exit code 1."""
        out: Path = options["out"]
        try:
            made = order_batch(
                card_numbers=options["cards"] or options["from_file"].read_text("ascii").split(),
                certificate_pem=options["certificate"].read_bytes(),
                actor=options["actor"],
                again=options["again"],
            )
            manifest = _write(out, made)
        except UnicodeDecodeError:
            raise CommandError(f"{options['from_file']} is no list of card numbers.") from None
        cards = made.batch.lines.count()
        self.stdout.write(f"batch {made.batch.number}, {cards} cards: {out}, {manifest}")


def _write(out: Path, made: BureauFile) -> Path:
    """Both files, readable by their owner only."""
    manifest = out.with_name(out.name + ".manifest.json")
    for place, content in ((out, made.envelope), (manifest, made.manifest)):
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(content)
    return manifest
