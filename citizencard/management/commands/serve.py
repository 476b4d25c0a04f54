"""`manage.py serve`: the whole stack in one process tree, until Ctrl-C."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from citizencard.embedded.errors import EmbeddedError
from citizencard.embedded.stack import Stack


class Command(BaseCommand):
    """Run everything, print the address, and stop everything in order at the end."""

    help = (
        "Run the whole stack in one process tree: PostgreSQL (unless DATABASE_URL is set), the key service, the web "
        "server, a Celery worker and beat. Ctrl-C stops it all."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--port", type=int, default=8000, help="port of the web server (default 8000)")
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
        )
        parser.add_argument(
            "--sandbox",
            type=int,
            nargs="?",
            const=8001,
            metavar="PORT",
            help="also run the payment gateway's sandbox on PORT (default 8001)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; a service that cannot start is one sentence and exit code 1."""
        # SIGINT too: a shell script starts its background jobs with it ignored.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        stack = Stack(
            settings.STATE_DIR,
            port=options["port"],
            host=options["host"],
            sandbox_port=options["sandbox"],
            report=self.stdout.write,
        )
        try:
            with stack:
                stack.start_beat()
                self.stdout.write(f"citizencard runs at {stack.url} (Ctrl-C stops it)")
                while True:
                    signal.pause()
        except KeyboardInterrupt:
            self.stdout.write("stopped")
        except EmbeddedError as error:
            raise CommandError(str(error)) from None


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Treat a polite request to end like Ctrl-C, so that the way out is the same."""
    raise KeyboardInterrupt
