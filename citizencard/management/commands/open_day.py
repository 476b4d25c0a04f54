"""`manage.py open_day`: the first business date of a new city."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser

from citizencard.core.calendar import open_business_day
from citizencard.core.models import BusinessDay
from citizencard.management.arguments import business_date
from citizencard.management.speaking import SpeakingCommand


class Command(SpeakingCommand):
    """Open the first day; every later one is opened by the clearing of the day before it."""

    help = (
        "Open the first business date of a new city. From then on the clearing of a date opens the next one. "
        "Opening a date that is there already changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("date", type=business_date, metavar="DATE", help="the date, YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        """Open and say so; when another date is open already, that is one sentence and exit code 1."""
        day: date = options["date"]
        known = BusinessDay.objects.filter(date=day).first()
        opened = BusinessDay.objects.filter(state=BusinessDay.State.OPEN).first()
        if known is None and opened is not None:
            raise CommandError(
                f"{opened} is open: `manage.py clear_day {opened}` closes it and opens the next date."
            )
        window = known or open_business_day(day)
        self.stdout.write(f"{window} {window.state}")
