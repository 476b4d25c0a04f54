"""Which TCP ports of this machine are taken, asked without disturbing whoever listens there."""

from __future__ import annotations

import socket
from pathlib import Path

from citizencard.embedded.errors import PortInUse

TCP_LISTEN = "0A"
"""State column of ``/proc/net/tcp`` (``proc(5)``)."""


def is_listening(port: int) -> bool:
    """Tell whether a program listens on local TCP ``port``.

    Reads the kernel's tables rather than connecting: to vpcd, a connection is a card put into the reader.
    """
    tables = [table for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if table.exists()]
    if not tables:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    return any(_listens(table, port) for table in tables)


def check_port_free(port: int, host: str = "127.0.0.1") -> None:
    """Raise :class:`PortInUse`, naming the ``make`` variable that takes another, when ``port`` cannot be bound."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise PortInUse(f"Port {port} needs root: choose another with PORT=8000.") from None
        except OSError:
            another = f"choose another with PORT={port + 1}"
            raise PortInUse(f"Port {port} is in use: stop that program or {another}.") from None


def _listens(table: Path, port: int) -> bool:
    rows = (line.split() for line in table.read_text(encoding="ascii").splitlines()[1:])
    return any(row[3] == TCP_LISTEN and int(row[1].rpartition(":")[2], 16) == port for row in rows)
