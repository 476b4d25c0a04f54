"""`manage.py simulate`: reproducible days of taps through the real acceptance and clearing, checked against the chips."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from citizencard.demo.city import City
from citizencard.demo.day import next_day
from citizencard.demo.hardware import MemoryShelf
from citizencard.demo.simulation import SimulatedDay, Simulation
from citizencard.management.tables import console

FIGURES = ("accepted", "suspended", "duplicate", "rejected")


class Command(BaseCommand):
    """Simulate the city's next days."""

    help = (
        "Sell anonymous cards and play the city's next business days with them: real chips, terminals, acceptance and "
        "clearing. The same seed gives the same taps. The run compares the ledger with the chips and exits with 1 when "
        "they differ by a fen."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--citizens", type=int, default=20, help="cards that tap (default 20)")
        parser.add_argument("--days", type=int, default=1, help="business days to play (default 1)")
        parser.add_argument("--seed", type=int, default=1, help="seed of taps and faults (default 1)")
        parser.add_argument(
            "--faults", action="store_true", help="lose, repeat and forge records here and there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Simulate, print a line per day, and exit with 1 on any difference."""
        if settings.PRODUCTION:
            raise CommandError("Nothing is simulated with CITIZENCARD_ENV=production.")
        if options["citizens"] < 1 or options["days"] < 1:
            raise CommandError("--citizens and --days are at least 1.")
        fixtures, state = settings.BASE_DIR / "fixtures", settings.STATE_DIR
        city = City.read(fixtures / "city.json", state / "devices")
        city.found()
        first = self._first_day(options["days"])
        simulation = Simulation(
            city=city,
            shelf=MemoryShelf(fixtures / "demo_keys.json", state / "chips"),
            citizens=options["citizens"],
            seed=options["seed"],
            faults=options["faults"],
        )
        days = list(simulation.live(first, options["days"]))
        self._print(days)
        if any(day.differences for day in days):
            sys.exit(1)

    def _first_day(self, days: int) -> date:
        """The open business day, if that many have passed since: terminals cannot have tapped in the future."""
        first = next_day()
        left = (timezone.localdate() - first).days if first else 0
        if first is None or days > left:
            raise CommandError(f"Only {left} days up to yesterday are left to simulate.")
        return first

    def _print(self, days: list[SimulatedDay]) -> None:
        table = Table(title=_("Simulation"))
        for heading in (_("date"), _("taps"), _("lost"), *FIGURES, _("differences")):
            table.add_column(heading, justify="right")
        for day in days:
            counts = [str(day.found[name]) for name in FIGURES]
            table.add_row(
                str(day.date), str(day.taps), str(day.expected["lost"]), *counts, str(len(day.differences))
            )
        console(self.stdout).print(table)
        for day in days:
            for difference in day.differences:
                self.stdout.write(
                    f"{day.date} {difference.what}: expected {difference.expected}, found {difference.found}"
                )
