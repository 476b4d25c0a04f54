"""`manage.py match_topups 2026-03-02`: compare a date's top-ups with the gateway, the chips and the ledger."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from accounts.models import TopUpDifference
from accounts.services.matching import match_topups
from citizencard.management.arguments import business_date
from citizencard.management.speaking import SpeakingCommand


class Command(SpeakingCommand):
    """Repeating a date changes nothing."""

    help = "Match a date's top-ups three ways and list what is open."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The calendar date (Asia/Shanghai)."""
        parser.add_argument("date", type=business_date, metavar="DATE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the figures and every open difference."""
        day: date = options["date"]
        found = match_topups(day)
        self.stdout.write(
            f"{found.orders} orders, {found.entries} entries: {found.opened} new differences, "
            f"{found.still_open} still open, {found.closed} gone"
        )
        for open_one in TopUpDifference.objects.filter(closed_at=None).order_by("first_seen", "pk"):
            self.stdout.write(
                f"{open_one.kind} {open_one.subject}: ours {open_one.ours_fen} fen, theirs {open_one.theirs_fen} fen, "
                f"{open_one.age_days(day)} days, {open_one.owner}"
            )
