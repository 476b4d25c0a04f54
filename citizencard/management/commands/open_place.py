"""`manage.py open_place`: a place where cards lie and clerks have their drawers, see docs/stock.md and docs/drawer.md."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from accounts.models import StockPlace
from accounts.services.stock import open_place
from citizencard.management.speaking import SpeakingCommand


class Command(SpeakingCommand):
    """One place; again, the same one."""

    help = "Open a service hall, a store or a bureau under its code."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("code", help="short, as it stands in receipt numbers")
        parser.add_argument("name")
        parser.add_argument("--kind", choices=StockPlace.Kind.values, default=StockPlace.Kind.HALL.value)
        parser.add_argument("--actor", required=True, help="who decided it, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Open it."""
        place = open_place(
            code=options["code"], name=options["name"], kind=options["kind"], actor=options["actor"]
        )
        self.stdout.write(f"{place.code} {place}")
