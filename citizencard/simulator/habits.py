"""How people spend a day: what they do how often, and around which time. Times in minutes after midnight."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from citizencard.simulator.people import Profile


class Way(IntEnum):
    """A thing to do with a card. A way by metro is two taps, the others are one."""

    BUS_OUT = 0
    BUS_HOME = 1
    METRO_OUT = 2
    METRO_HOME = 3
    SHOP = 4
    HOSPITAL = 5
    PHARMACY = 6
    PARK = 7
    PARKING = 8


BY_METRO: Final = (Way.METRO_OUT, Way.METRO_HOME)


@dataclass(frozen=True, slots=True)
class Habit:
    """How often a day somebody does it on working days and at weekends, when (mean) and how far apart (deviation)."""

    profile: Profile
    way: Way
    workday: float
    weekend: float
    at: int
    spread: int


_C, _ST, _SE, _O = Profile.COMMUTER, Profile.STUDENT, Profile.SENIOR, Profile.OTHER
HABITS: Final = (
    # The two rush hours.
    Habit(_C, Way.BUS_OUT, 0.60, 0.15, 7 * 60 + 45, 35),
    Habit(_C, Way.BUS_HOME, 0.58, 0.15, 18 * 60, 50),
    Habit(_C, Way.METRO_OUT, 0.38, 0.10, 8 * 60, 30),
    Habit(_C, Way.METRO_HOME, 0.36, 0.10, 18 * 60 + 10, 45),
    Habit(_C, Way.SHOP, 0.30, 0.45, 12 * 60 + 20, 60),
    Habit(_C, Way.SHOP, 0.15, 0.30, 19 * 60 + 30, 50),
    Habit(_C, Way.PARKING, 0.08, 0.20, 15 * 60, 150),
    Habit(_ST, Way.BUS_OUT, 0.80, 0.20, 7 * 60 + 15, 20),
    Habit(_ST, Way.BUS_HOME, 0.75, 0.20, 16 * 60 + 50, 40),
    Habit(_ST, Way.METRO_OUT, 0.10, 0.25, 13 * 60, 90),
    Habit(_ST, Way.SHOP, 0.50, 0.40, 16 * 60 + 30, 60),
    Habit(_SE, Way.BUS_OUT, 0.70, 0.60, 9 * 60 + 15, 45),
    Habit(_SE, Way.BUS_HOME, 0.65, 0.55, 11 * 60, 50),
    Habit(_SE, Way.PARK, 0.25, 0.35, 9 * 60 + 40, 60),
    Habit(_SE, Way.HOSPITAL, 0.10, 0.02, 9 * 60, 70),
    Habit(_SE, Way.PHARMACY, 0.10, 0.06, 10 * 60 + 30, 80),
    Habit(_O, Way.BUS_OUT, 0.45, 0.45, 11 * 60, 150),
    Habit(_O, Way.BUS_HOME, 0.40, 0.40, 16 * 60, 150),
    Habit(_O, Way.METRO_OUT, 0.25, 0.30, 14 * 60, 150),
    Habit(_O, Way.SHOP, 0.40, 0.40, 17 * 60, 120),
    Habit(_O, Way.PARK, 0.05, 0.30, 14 * 60, 90),
    Habit(_O, Way.HOSPITAL, 0.04, 0.01, 10 * 60, 90),
)
FIRST_MINUTE: Final = 5 * 60 + 30
LAST_MINUTE: Final = 21 * 60 + 30
"""Nobody sets out later, so that everybody is home before the terminals upload."""
PRICES_FEN: Final = {
    Way.SHOP: (300, 4_500),
    Way.HOSPITAL: (800, 8_000),
    Way.PHARMACY: (500, 6_000),
    Way.PARK: (1_000, 1_001),
    Way.PARKING: (500, 4_000),
}
"""From, and below: whole tenths of a yuan."""
