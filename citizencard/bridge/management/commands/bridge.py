"""`manage.py bridge`: the card bridge's hub, one process."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from citizencard.bridge.hub import Hub


class Command(BaseCommand):
    """Serve until SIGTERM or Ctrl-C; an address in use is one sentence."""

    help = (
        "Run the card bridge's hub: workstations connect to it, and the office uses their card readers through it. "
        "In production put it behind TLS at BRIDGE_URL (wss://…/bridge)."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where it listens."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        parser.add_argument("--port", type=int, default=8002, help="port to listen on (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve."""
        host, port = options["host"], options["port"]
        try:
            hub = Hub(
                host=host,
                port=port,
                origin=settings.BRIDGE_ORIGIN,
                socket_path=Path(settings.BRIDGE_SOCKET),
            )
        except OSError as error:
            raise CommandError(f"The card bridge cannot listen: {error}.") from error

        def stop(number: int, frame: FrameType | None) -> None:
            # Closing waits for the loop this very thread runs.
            threading.Thread(target=hub.close, daemon=True).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        self.stdout.write(f"card bridge at ws://{host}:{hub.port}/bridge for {settings.BRIDGE_ORIGIN}")
        self.stdout.flush()
        hub.serve_forever()
