"""How a simulated chip declares its commands and refuses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from terminals.card.apdu import Command

Handler = Callable[[Any, Command], bytes]


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
    cla: int, ins: int, *, answer: int | None = None, keeps_pending: bool = False
) -> Callable[[Handler], Handler]:
    """Register a method for CLA INS. A fixed `answer` length lets a wrong Le be refused before anything happens."""

    def mark(handler: Handler) -> Handler:
        handler.__dict__["entry"] = (cla << 8 | ins, Entry(handler, answer, keeps_pending))
        return handler

    return mark


def table_of(kind: type) -> dict[int, Entry]:
    """The command table of a class: its own marked methods over those of its bases."""
    table: dict[int, Entry] = {}
    for base in reversed(kind.__mro__):
        marks = [getattr(member, "__dict__", {}).get("entry") for member in vars(base).values()]
        table |= dict(filter(None, marks))
    return table
