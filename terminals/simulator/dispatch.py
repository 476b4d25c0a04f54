"""How a simulated chip declares its commands and refuses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from terminals.card.apdu import Command

Handler = Callable[[Any, Command], bytes]
SECURE: Final = 0x04
"""The bit of the class byte that announces a MAC (secure messaging)."""


class Refusal(Exception):
    """A handler's way to answer a status word instead of data."""

    def __init__(self, sw: int, data: bytes = b"") -> None:
        """Answer `data` (mostly none) and `sw`."""
        super().__init__(f"{sw:04X}")
        self.sw = sw
        self.data = data


@dataclass(frozen=True, slots=True)
class Entry:
    """A command the chip knows: its handler, the answer's length if fixed, and whether INITIALIZE survives it."""

    handler: Handler
    answer: int | None
    keeps_pending: bool


def command(
    cla: int, ins: int, *, answer: int | None = None, keeps_pending: bool = False, secured: bool = False
) -> Callable[[Handler], Handler]:
    """Register a method for CLA INS. A fixed `answer` length lets a wrong Le be refused before anything happens.

    A `secured` command comes plain or with a MAC; the handler finds which in `self.secured`.
    """

    def mark(handler: Handler) -> Handler:
        entry = Entry(handler, answer, keeps_pending)
        classes = (cla, cla | SECURE) if secured else (cla,)
        handler.__dict__["entries"] = {each << 8 | ins: entry for each in classes}
        return handler

    return mark


def table_of(kind: type) -> dict[int, Entry]:
    """The command table of a class: its own marked methods over those of its bases."""
    table: dict[int, Entry] = {}
    for base in reversed(kind.__mro__):
        for member in vars(base).values():
            table |= getattr(member, "__dict__", {}).get("entries", {})
    return table
