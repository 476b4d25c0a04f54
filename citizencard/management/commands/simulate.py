"""`manage.py simulate`: a city's days from a seed, through the real acceptance and clearing, checked to the last fen."""

from __future__ import annotations

import sys
from argparse import BooleanOptionalAction
from datetime import date, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone
from requests import RequestException

from accounts.models import Card
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import CitizenCardError
from citizencard.core.keyservice.client import key_service
from citizencard.core.models import BusinessDay
from citizencard.core.roles import as_owner
from citizencard.demo.city import City
from citizencard.management.arguments import business_date
from citizencard.management.simulation import as_json, print_outcome, watched
from citizencard.simulator.chips import ChipsDiffer
from citizencard.simulator.faults import FaultsWrong, parse_faults
from citizencard.simulator.run import Outcome, Run
from citizencard.simulator.wishes import Wish, WishWrong

CHIPS_UP_TO: Final = 25
"""So many citizens get real chips unless told otherwise: a chip takes a tenth of a second to make."""
FIRST_DAY: Final = date(2026, 3, 2)
"""Of a new city, a Monday: the same whenever it is founded."""
WRONG_USE: Final = 2


class Command(BaseCommand):
    """Simulate the city's next days."""

    help = (
        "Play days of a city: citizens with their habits, lines, depots and shops, drawn from the seed, through the real "
        "acceptance, ledger and clearing, with faults injected. What must come out is known from the seed; the run "
        "compares every record, account, purse and counter with it and exits with 1 on any difference. The same options "
        "in a new city give the same digests. It plays in the city of the state directory, which is founded if there is "
        "none; business days that were played cannot be taken back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--citizens", type=int, default=20, metavar="N", help="cards (default 20)")
        parser.add_argument("--days", type=int, default=1, metavar="D", help="business days (default 1)")
        parser.add_argument(
            "--seed", type=int, default=1, metavar="S", help="what everything is drawn from (default 1)"
        )
        parser.add_argument(
            "--taps", type=int, metavar="T", help="taps altogether (default 3 a citizen and day)"
        )
        parser.add_argument(
            "--faults",
            default="none",
            metavar="WHICH",
            help="none (default), all, or name=rate,… with names as in the report",
        )
        parser.add_argument(
            "--chips",
            action=BooleanOptionalAction,
            default=None,
            help=f"play every tap on a real chip and SAM (default up to {CHIPS_UP_TO} citizens)",
        )
        parser.add_argument(
            "--first",
            type=business_date,
            metavar="DATE",
            help=f"first business day of a new city (default {FIRST_DAY})",
        )
        parser.add_argument(
            "--http", metavar="URL", help="upload signed over HTTP to this web server of the same city"
        )
        parser.add_argument("--yes", action="store_true", help="play in a city that has cards already")
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Simulate, print, and exit with 1 on any difference; what cannot be done is a sentence and exit code 2."""
        wish = self._wish(options)
        self._require_demonstration()
        self._migrate()
        # Over HTTP the centre's own clock judges what comes too late.
        new = FIRST_DAY if options["http"] is None else _today() - timedelta(days=wish.days)
        first = self._first_day(options["first"], new, wish.days, in_use=options["yes"])
        city = City.read(settings.BASE_DIR / "fixtures" / "city.json", settings.STATE_DIR / "devices")
        chips = wish.citizens <= CHIPS_UP_TO if options["chips"] is None else options["chips"]
        outcome = self._play(city, wish, first, chips, options)
        if options["json"]:
            self.stdout.write(as_json(outcome))
        else:
            print_outcome(self.stdout, outcome)
        if not outcome.clean:
            sys.exit(1)

    def _wish(self, options: dict[str, Any]) -> Wish:
        try:
            return Wish.of(
                citizens=options["citizens"],
                days=options["days"],
                seed=options["seed"],
                taps=options["taps"],
                faults=parse_faults(options["faults"]),
            )
        except (WishWrong, FaultsWrong) as error:
            raise CommandError(str(error), returncode=WRONG_USE) from error

    def _require_demonstration(self) -> None:
        """Nothing is simulated where anything is real: not in production, and not beside keys of real cards."""
        if settings.PRODUCTION:
            raise _refusal("Nothing is simulated with CITIZENCARD_ENV=production.")
        try:
            if not key_service().status().demo:
                raise _refusal(
                    "Nothing is simulated here: the key service holds keys that are no demonstration keys."
                )
        except CitizenCardError as error:
            raise CommandError(str(error)) from error

    def _migrate(self) -> None:
        """A new state directory has an empty database, without even the role that the application connects as."""
        with as_owner():
            tables = connection.introspection.table_names()
        if BusinessDay._meta.db_table not in tables:
            call_command("migrate", interactive=False, verbosity=0)

    def _first_day(self, wished: date | None, new: date, days: int, *, in_use: bool) -> date:
        """The open business day, or the wished or usual one of a new city; terminals cannot have tapped in the future."""
        opened = BusinessDay.objects.filter(state=BusinessDay.State.OPEN).first()
        if not in_use and Card.objects.exists():
            raise _refusal(
                "This city has cards already. Add --yes to play its next business days, which cannot be taken back, or "
                "set CITIZENCARD_STATE to a new directory."
            )
        if opened and wished not in (None, opened.date):
            raise _refusal(f"--first is for a new city; business day {opened.date} is open here.")
        first: date = opened.date if opened else wished or new
        left = (_today() - first).days
        if days > left:
            raise _refusal(f"Only {max(left, 0)} days up to yesterday are left to simulate.")
        return first

    def _play(self, city: City, wish: Wish, first: date, chips: bool, options: dict[str, Any]) -> Outcome:
        keys_file = settings.BASE_DIR / "fixtures" / "demo_keys.json"
        with watched(wish, shown=not options["json"]) as watcher:
            run = Run(city, keys_file, wish, first, watcher, chips, options["http"])
            try:
                return run.play()
            except (ChipsDiffer, CitizenCardError, RequestException) as error:
                raise CommandError(str(error)) from error


def _today() -> date:
    return timezone.localdate(timezone=SHANGHAI)


def _refusal(sentence: str) -> CommandError:
    return CommandError(sentence, returncode=WRONG_USE)
