"""A simulated chip on a TCP port of its own, for any program that can open a socket (messages: see `framing`).

Connecting puts the chip into the field, closing takes it out. One program at a time: the next one waits for its turn.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from terminals.simulator import framing
from terminals.simulator.framing import PluggableChip


class TcpSlot:
    """One chip behind one port, served by a thread of its own until `close`."""

    def __init__(self, chip: PluggableChip, port: int = 0, *, host: str = "127.0.0.1") -> None:
        """Listen; port 0 takes a free one, which `port` tells. OSError when it is taken."""
        self._chip = chip
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]
        self._connection: socket.socket | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"chip-{self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and pull the chip from whoever holds it, in the middle of a command if need be."""
        self._closed = True
        for waited_for in filter(None, (self._listener, self._connection)):
            with contextlib.suppress(OSError):
                waited_for.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _run(self) -> None:
        while not self._closed:
            with contextlib.suppress(OSError), self._listener.accept()[0] as connection:
                self._connection = connection
                if not self._closed:
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        framing.prepare(connection)
        self._chip.reset()
        while message := framing.receive(connection):
            framing.send(connection, framing.answer(self._chip, message))
