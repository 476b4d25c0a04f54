"""`manage.py demo`: the whole house, one day of a small city in it, and then the portal for as long as you like."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from citizencard.core.errors import CitizenCardError
from citizencard.demo.city import City
from citizencard.demo.counter import Counter
from citizencard.demo.day import Day, DayFailed, next_day
from citizencard.demo.fleet import Fleet
from citizencard.demo.hall import stock_hall
from citizencard.demo.hardware import ChipFactory, Readers, best_readers
from citizencard.demo.report import print_day, print_logins
from citizencard.embedded.errors import EmbeddedError
from citizencard.embedded.stack import Stack
from citizencard.embedded.state import start_over
from terminals.card.errors import CardError

FIXTURES = settings.BASE_DIR / "fixtures"


class Command(BaseCommand):
    """Start everything, play the city's next day, print what happened, serve."""

    help = (
        "Start everything, play the next day of the demo city (issue cards, top up, tap, upload, clear), print what "
        "happened, and keep the portal running until Ctrl-C. Starting again plays the day after."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--port", type=int, default=8000, help="port of the web server (default 8000)")
        parser.add_argument("--no-serve", action="store_true", help="stop everything after the day")
        parser.add_argument("--fresh", action="store_true", help="start over with a new city")

    def handle(self, *args: Any, **options: Any) -> None:
        """Play, print, serve; what goes wrong is one sentence and exit code 1."""
        if settings.PRODUCTION:
            raise CommandError("The demo does not run with CITIZENCARD_ENV=production: its keys are public.")
        # SIGINT too: a shell script starts its background jobs with it ignored.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        try:
            if options["fresh"]:
                start_over(settings.STATE_DIR)
            self._run(options["port"], serve=not options["no_serve"])
        except KeyboardInterrupt:
            self.stdout.write("stopped")
        except (EmbeddedError, DayFailed, CitizenCardError, CardError) as error:
            raise CommandError(str(error)) from None

    def _run(self, port: int, *, serve: bool) -> None:
        sandbox_port = port + 1
        settings.GATEWAY_URL = f"http://127.0.0.1:{sandbox_port}"
        stack = Stack(settings.STATE_DIR, port=port, sandbox_port=sandbox_port, report=self.stdout.write)
        with stack, best_readers() as (readers, why):
            if why:
                self.stdout.write(f"No PC/SC here ({why}): cards are simulated in this process.")
            self._live(stack, readers)
            print_logins(self.stdout, stack.url, stack.state_dir / "wallets.json")
            if serve:
                stack.start_beat()
                self.stdout.write("Ctrl-C stops everything.")
                self._wait()

    def _live(self, stack: Stack, readers: Readers) -> None:
        city = City.read(FIXTURES / "city.json", stack.state_dir / "devices")
        city.found()
        date = next_day()
        if date is None:
            self.stdout.write(
                "The city has lived up to yesterday: today can be played tomorrow, or FRESH=1 starts over."
            )
            return
        self.stdout.write(f"{city.plan['name']}, {date:%F}")
        factory = ChipFactory(FIXTURES / "demo_keys.json", stack.state_dir / "chips")
        counter = Counter(city, readers, factory)
        day = Day(
            business_date=date,
            counter=counter,
            fleet=Fleet(city, readers, factory, stack.url),
            wallets=stack.state_dir / "wallets.json",
            say=self.stdout.write,
        )
        day.play()
        stock_hall(city, factory)
        if not print_day(self.stdout, day):
            sys.exit(1)

    def _wait(self) -> None:
        while True:
            signal.pause()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Treat a polite request to end like Ctrl-C, so that the way out is the same."""
    raise KeyboardInterrupt
