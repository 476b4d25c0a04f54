"""A RabbitMQ of one's own that may be killed and wiped."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.chaos.hosts import SERVER, Host

PROGRAM: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Of Debian's package; its wrapper would change users."""
PORT: Final = 5672
URL: Final = f"amqp://citizencard:chaos@{SERVER}:{PORT}/citizencard"
CONFIGURATION: Final = """
default_user = citizencard
default_pass = chaos
default_vhost = citizencard
loopback_users = none
consumer_timeout = 3600000
"""
_START_SECONDS_MAX: Final = 60
_READY: Final = b"completed with"
"""What it says when users and vhost are there as well; it takes connections before."""


class Rabbit:
    """The broker on a host, with its data in a folder."""

    def __init__(self, folder: Path, host: Host) -> None:
        self._folder, self._host = folder, host
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = self.wipes = 0

    def start(self) -> float:
        """Start, and wait until it can be used; the seconds that took."""
        began = time.monotonic()
        (self._folder / "home").mkdir(parents=True, exist_ok=True)
        (self._folder / "rabbit.conf").write_text(CONFIGURATION)
        environment = os.environ | {
            "HOME": str(self._folder / "home"),
            "RABBITMQ_NODENAME": "chaos@localhost",
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_NODE_IP_ADDRESS": SERVER,
            "RABBITMQ_NODE_PORT": str(PORT),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbit"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
        }
        said = self._folder / "output"
        with said.open("wb") as output:
            self._process = subprocess.Popen(
                self._host.command(str(PROGRAM)),
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        while _READY not in said.read_bytes():
            if time.monotonic() - began > _START_SECONDS_MAX:
                raise RuntimeError(f"RabbitMQ does not start: {said.read_text()[-500:]}")
            time.sleep(0.1)
        return time.monotonic() - began

    def kill(self, *, wipe: bool = False) -> None:
        """SIGKILL; and everything that it had kept is lost, when told so."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.kills += 1
        if wipe:
            shutil.rmtree(self._folder / "data", ignore_errors=True)
            self.wipes += 1
