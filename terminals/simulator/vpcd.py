"""Plug simulated chips into PC/SC: a client of vpcd, the virtual reader driver of vsmartcard.

Each slot is a TCP connection to pcscd (35963 for slot 0, then upwards), with messages as in `framing`. A connected
client is an inserted chip, a closed connection an empty slot.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Final, Self

from terminals.simulator import framing
from terminals.simulator.framing import PluggableChip

__all__ = ["FIRST_PORT", "PluggableChip", "VpcdSlot"]

FIRST_PORT: Final = 35963
RETRY_SECONDS: Final = 0.2
SETTLE_SECONDS: Final = 0.5
"""pcscd looks at a virtual slot every 0.4 s; it must see the slot empty once, or it takes the next chip for the last."""


class VpcdSlot:
    """One slot of the virtual reader, served by a thread of its own; reconnects when pcscd restarts."""

    def __init__(self, slot: int = 0, *, first_port: int = FIRST_PORT, host: str = "127.0.0.1") -> None:
        """Start serving an empty slot."""
        self._address = (host, first_port + slot)
        self._changed = threading.Condition()
        self._chip: PluggableChip | None = None
        self._connection: socket.socket | None = None
        self._closed = False
        self._empty_until = 0.0
        self._thread = threading.Thread(target=self._run, name=f"vpcd-{slot}", daemon=True)
        self._thread.start()

    def insert(self, chip: PluggableChip, timeout: float = 10.0) -> None:
        """Put a chip in and wait until vpcd has it; TimeoutError when nobody listens.

        A chip in the slot is pulled first; the slot then stays empty for SETTLE_SECONDS.
        """
        self.remove()
        self._settle()
        with self._changed:
            self._chip = chip
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._connection is not None, timeout):
                self._chip = None
                raise TimeoutError(f"no vpcd listens on port {self._address[1]}")

    def swap(self, chip: PluggableChip) -> None:
        """Change the chip behind an occupied slot without PC/SC noticing; inserts when the slot is empty.

        For busy simulations: it saves the second that pulling and inserting takes. Use it between two connections
        only, as a new connection is what resets a chip.
        """
        with self._changed:
            if self._connection is not None:
                chip.reset()
                self._chip = chip
                return
        self.insert(chip)

    def remove(self) -> None:
        """Pull the chip, in the middle of a command if need be."""
        with self._changed:
            self._chip = None
            if self._connection is None:
                return
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: self._connection is None, RETRY_SECONDS * 10)

    def close(self) -> None:
        """Pull the chip, stop the thread, and leave the slot settled for whoever uses it next."""
        self.remove()
        self._settle()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _settle(self) -> None:
        time.sleep(max(0.0, self._empty_until - time.monotonic()))

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _run(self) -> None:
        while self._wait_for_chip():
            with contextlib.suppress(OSError), socket.create_connection(self._address) as connection:
                self._serve(connection)
            with self._changed:
                pause = RETRY_SECONDS
                if self._connection is not None:
                    self._connection, pause = None, SETTLE_SECONDS
                    self._empty_until = time.monotonic() + pause
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closed or self._chip is None, pause)

    def _wait_for_chip(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._chip is not None)
            return not self._closed

    def _serve(self, connection: socket.socket) -> None:
        framing.prepare(connection)
        with self._changed:
            if self._chip is None:
                return
            self._chip.reset()
            self._connection = connection
            self._changed.notify_all()
        while message := framing.receive(connection):
            framing.send(connection, self._answer(message))

    def _answer(self, message: bytes) -> bytes:
        """What the chip in the slot says; nothing when it has just been pulled (the connection ends as well)."""
        chip = self._chip
        return b"" if chip is None else framing.answer(chip, message)
