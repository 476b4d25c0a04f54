"""`manage.py first_administrator`: those two who then make everybody else's account, in the office and with four eyes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from citizencard.core.errors import CitizenCardError
from citizencard.staff.services.changes import FOUNDERS_MAX, found_administrator


class Command(BaseCommand):
    """Make an administrator where there are fewer than two, and print the code of their first sign-in."""

    help = (
        f"Make one of the first {FOUNDERS_MAX} administrators and print the starting code of the first sign-in, good for "
        "24 hours. Everybody else's account is proposed by an administrator in the office and approved by another person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="the person's name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the code, or why there is none and exit code 1."""
        try:
            code = found_administrator(username=options["username"], name=options["name"])
        except CitizenCardError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(code)
