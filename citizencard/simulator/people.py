"""Who lives in the city: what kind of life, between which lines or stations, and what they pay with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from citizencard.simulator.chance import Chance, Ints
from citizencard.simulator.layout import STATIONS, Layout


class Profile(IntEnum):
    """A kind of life."""

    COMMUTER = 0
    STUDENT = 1
    SENIOR = 2
    OTHER = 3


SHARES: Final = (0.55, 0.18, 0.15, 0.12)
FIRST_LOADS_FEN: Final = (10_000, 5_000, 5_000, 10_000)
LATER_LOADS_FEN: Final = (10_000, 10_000, 20_000)
"""What somebody puts on the card when it runs low; each person one of these, always the same."""


@dataclass(frozen=True, slots=True)
class People:
    """One element a person: kind of life, home and other end of the way by bus and by metro, sums of top-ups in fen."""

    profile: Ints
    home_line: Ints
    far_line: Ints
    home_station: Ints
    far_station: Ints
    first_load_fen: Ints
    later_load_fen: Ints

    def __len__(self) -> int:
        return len(self.profile)


def settle(chance: Chance, citizens: int, layout: Layout) -> People:
    """The city's people; the two ends of a way by metro are different stations."""
    random = chance.stream("people")
    profile = random.choice(len(SHARES), citizens, p=SHARES).astype(np.int64)
    home_station = random.integers(0, len(STATIONS), citizens)
    away = random.integers(1, len(STATIONS), citizens)
    return People(
        profile=profile,
        home_line=random.integers(0, layout.lines, citizens),
        far_line=random.integers(0, layout.lines, citizens),
        home_station=home_station,
        far_station=(home_station + away) % len(STATIONS),
        first_load_fen=np.array(FIRST_LOADS_FEN)[profile],
        later_load_fen=np.array(LATER_LOADS_FEN)[random.integers(0, len(LATER_LOADS_FEN), citizens)],
    )
