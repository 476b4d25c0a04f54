"""Terminals of every channel on one shelf: real SAM and chips (simulated), a journal on disk, no database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from terminals.card.profile import CITY_UNION
from terminals.program.memory import Memory
from terminals.program.orders import Orders
from terminals.program.post import Post
from terminals.program.result import TapResult
from terminals.program.terminal import Terminal
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from tests.terminals import cards
from tests.terminals.program.centre import FakeCentre
from tests.terminals.program.fares import published

NOON = datetime.fromisoformat("2026-03-02T12:00:00+08:00")
DAY = 1_440
"""Minutes."""
NORMAL, STUDENT, DISABLED, YEAR_PASS = 1, 2, 5, 9
MARKS = {
    "categories": {"2": "student", "5": "disabled", "9": "year-pass"},
    "real_name": [2, 3, 5, 9],
    "industries": {"metro": "metro"},
    "lines": {
        "00000001": {"line": "1", "tariff": "bus"},
        "00000002": {"line": "2", "tariff": "bus"},
        "00000007": {"line": "N1", "tariff": "bus"},
        "00000030": {"line": "R", "tariff": "rural"},
    },
    "stops": {f"0030{number:02}": f"R{number}" for number in range(1, 9)},
}


def chip(
    kind: int = NORMAL,
    balance_fen: int = 5_000,
    number: int = 101,
    overdraft_fen: int = 0,
    *,
    union: bool = False,
) -> Chip:
    """A card of a kind (EF17), not at any terminal yet; `union`: of the city union, which has no trips."""
    spec = cards.card_spec(f"31058837{number:011}", balance_fen, overdraft_fen)
    if union:
        info = cards.public_info(f"39700000{number:08}", CITY_UNION)
        return cards.issued_chip(replace(spec, public_info=info, profile=CITY_UNION))
    return cards.issued_chip(replace(spec, management=replace(spec.management, card_kind=kind)))


class Place:
    """A terminal at its post."""

    def __init__(self, terminal: Terminal, centre: FakeCentre, sam: MemoryTransport) -> None:
        self.terminal, self.centre, self.sam = terminal, centre, sam

    def tap(self, card: Chip, minutes: float = 0, **ask: Any) -> TapResult:
        """A card is held there so many minutes after noon."""
        return self.terminal.tap(MemoryTransport(card), when=NOON + timedelta(minutes=minutes), **ask)


class City:
    """Places by code; all of them take the same chips."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self._folder, self._opened, self._count = folder, opened, 0

    def place(self, channel: str = "", orders: Orders | None = None, **post: Any) -> Place:
        """A terminal; `tariff` among the sample documents unless orders are given."""
        self._count += 1
        memory = Memory.open(self._folder / str(self._count))
        self._opened.callback(memory.close)
        centre = FakeCentre()
        orders = orders or published(post["tariff"], marks=MARKS)
        sam = MemoryTransport(cards.issued_psam(terminal_no=self._count.to_bytes(6)))
        terminal = Terminal(
            sam=sam,
            memory=memory,
            orders=orders,
            client=centre.client(),
            post=Post(channel=channel, **post),
        )
        return Place(terminal, centre, sam)


@contextmanager
def city(folder: Path) -> Iterator[City]:
    """All journals closed afterwards."""
    with ExitStack() as opened:
        yield City(folder, opened)
