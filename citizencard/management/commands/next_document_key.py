"""`manage.py next_document_key`: name the key that the centre will sign documents with, see docs/keys.md."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.core.management.base import CommandParser
from django.utils.dateparse import parse_date

from citizencard.core.calendar import SHANGHAI
from citizencard.management.speaking import SpeakingCommand
from terminals.services.publishing import name_next_key


class Command(SpeakingCommand):
    """One change of key."""

    help = "Sign the document by which terminals learn the centre's next document key; the present one counts for a while yet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument(
            "--seed", type=int, required=True, help="version of the SIGN seed in the key service"
        )
        parser.add_argument(
            "--from", dest="begin", type=_day, required=True, metavar="DAY", help="signs from this day on"
        )
        parser.add_argument(
            "--until",
            type=_day,
            required=True,
            metavar="DAY",
            help="terminals believe the present key up to the beginning of this day",
        )
        parser.add_argument("--actor", required=True, help="who decided it, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Name it; what cannot be is said in one sentence."""
        key = name_next_key(
            seed=options["seed"],
            valid_from=options["begin"],
            present_until=options["until"],
            actor=options["actor"],
        )
        self.stdout.write(f"Key {key.number} ({bytes(key.public_key).hex()}) signs from {key.valid_from:%F}.")


def _day(text: str) -> datetime:
    day = parse_date(text)
    if day is None:
        raise ValueError(text)
    return datetime.combine(day, time(), SHANGHAI)
