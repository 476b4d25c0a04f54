"""`manage.py democard`: a personalised card and SAM in two PC/SC readers, for other people's programs."""

from __future__ import annotations

import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.roles import Role
from citizencard.demo.hardware import ChipFactory
from citizencard.demo.pair import NUMBER, PIN, TERMINAL_NO, Pair
from citizencard.embedded import services
from citizencard.embedded.errors import EmbeddedError
from citizencard.embedded.pcscd import running_pcscd
from citizencard.embedded.supervisor import Supervisor
from terminals.card.errors import CardError
from terminals.simulator.framing import PluggableChip
from terminals.simulator.plugs import CARD_SLOT, SAM_SLOT, plugged

STOP = {signal.SIGINT, signal.SIGTERM}


class Command(BaseCommand):
    """Make the chips once, plug them in, wait."""

    help = (
        "Plug a simulated card and SAM with the public demo keys into a virtual PC/SC reader (or offer them on TCP) until "
        "Ctrl-C, for any reader or terminal program to try. They are made the first time and live on in their folder."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument(
            "--tcp", type=int, metavar="PORT", help="offer the card on PORT and the SAM on PORT + 1 instead"
        )
        parser.add_argument(
            "--folder", type=Path, metavar="DIR", help="where the chips are kept (default: var/democard)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make, plug, wait; what goes wrong is one sentence and exit code 1."""
        if settings.PRODUCTION:
            raise CommandError(
                "The demo card does not exist with CITIZENCARD_ENV=production: its keys are public."
            )
        shelf: Path = options["folder"] or settings.STATE_DIR / "democard"
        try:
            self._run(shelf, options["tcp"])
        except (EmbeddedError, CardError, OSError) as error:
            raise CommandError(str(error)) from error

    def _run(self, shelf: Path, tcp_port: int | None) -> None:
        with key_service() as keys:
            pair = Pair(ChipFactory(settings.BASE_DIR / "fixtures" / "demo_keys.json", shelf), keys)
            chips: dict[int, PluggableChip] = {CARD_SLOT: pair.card(), SAM_SLOT: pair.sam()}
        with running_pcscd() if tcp_port is None else contextlib.nullcontext():
            # After the daemon, which must not inherit it; before the chips' threads, so that sigwait gets them.
            signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
            self._wait(chips, tcp_port)

    def _wait(self, chips: dict[int, PluggableChip], tcp_port: int | None) -> None:
        with plugged(chips, tcp_port=tcp_port):
            where = (
                "in the virtual PC/SC readers" if tcp_port is None else f"on TCP {tcp_port}, {tcp_port + 1}"
            )
            self.stdout.write(f"card {NUMBER} (PIN {PIN}) and SAM of terminal {TERMINAL_NO} {where}")
            self.stdout.write("Ctrl-C takes them out.")
            self.stdout.flush()
            signal.sigwait(STOP)


@contextlib.contextmanager
def key_service() -> Iterator[KeyServiceClient]:
    """A key service with the demo keys, of this command's own."""
    with tempfile.TemporaryDirectory(prefix="democard-") as folder, Supervisor() as supervisor:
        socket_path = Path(folder) / "keys.sock"
        supervisor.start(services.key_service(Path(folder), socket_path))
        yield KeyServiceClient(socket_path, role=Role.COUNTER)
