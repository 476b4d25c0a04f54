"""Hosts: this machine, or network namespaces on a bridge of their own, which share nothing but database, broker and key service."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import connection

SERVER: Final = "10.77.0.1"
"""Where database and broker are, as seen from the other hosts."""
POSTGRES_PORT: Final = 5432
_NEWNET: Final = 0x40000000  # CLONE_NEWNET
_PREFIX: Final = "cc-chaos-"


@dataclass(frozen=True)
class Host:
    """A network namespace, or this machine where it has no name."""

    namespace: str = ""

    def enter(self) -> None:
        """This process runs there from now on, and reaches the database over the network."""
        if not self.namespace:
            return
        handle = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(handle, _NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"{self.namespace} cannot be entered")
        os.close(handle)
        connection.settings_dict |= {"HOST": SERVER, "PORT": str(POSTGRES_PORT)}

    def command(self, *words: str) -> list[str]:
        """The words of a command that is to run there."""
        return ["/sbin/ip", "netns", "exec", self.namespace, *words] if self.namespace else list(words)


HERE: Final = Host()


@contextmanager
def hosts(names: list[str]) -> Iterator[dict[str, Host]]:
    """Hosts of these names, the first one the server's. Takes root, and leaves nothing behind."""
    made = {name: Host(_PREFIX + name) for name in names}
    server = made[names[0]].namespace
    try:
        for host in made.values():
            _ip("netns", "add", host.namespace)
            _ip("-n", host.namespace, "link", "set", "lo", "up")
        _ip("-n", server, "link", "add", "hub", "type", "bridge")
        _ip("-n", server, "addr", "add", f"{SERVER}/24", "dev", "hub")
        _ip("-n", server, "link", "set", "hub", "up")
        for number, name in enumerate(names[1:], 2):
            there, port = made[name].namespace, f"port{number}"
            _ip("-n", server, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", there)
            _ip("-n", server, "link", "set", port, "master", "hub", "up")
            _ip("-n", there, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            _ip("-n", there, "link", "set", "eth0", "up")
        with _database_on_the_network(made[names[0]]):
            yield made
    finally:
        for host in made.values():
            for pid in _ip("netns", "pids", host.namespace, check=False).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            _ip("netns", "del", host.namespace, check=False)


@contextmanager
def _database_on_the_network(server: Host) -> Iterator[None]:
    """The embedded server listens on a socket of this machine; socat passes on what comes in over the network."""
    parameters = connection.get_connection_params()
    socket = Path(str(parameters["host"])) / f".s.PGSQL.{parameters.get('port') or POSTGRES_PORT}"
    listen = f"TCP-LISTEN:{POSTGRES_PORT},bind={SERVER},fork,reuseaddr"
    passing = subprocess.Popen(
        server.command("socat", listen, f"UNIX-CONNECT:{socket}"), stderr=subprocess.DEVNULL
    )
    time.sleep(0.5)
    try:
        yield
    finally:
        passing.kill()
        passing.wait()


def _ip(*words: str, check: bool = True) -> str:
    return subprocess.run(["/sbin/ip", *words], check=check, capture_output=True, text=True).stdout
