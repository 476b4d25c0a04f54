"""What is asked for: how many citizens, days and taps, from which seed, with which faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from citizencard.simulator.faults import Fault

NATURAL_TAPS: Final = 3
"""A citizen's taps on a day, where nobody says how many there shall be."""
DAILY_TAPS_MAX: Final = 12
"""On average. There are so many minutes in a day."""
CITIZENS_MAX: Final = 2_000_000
DAYS_MAX: Final = 366


class WishWrong(ValueError):
    """It cannot be done; the message is a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The whole of it: two runs of one wish in two new cities are the same to the last byte."""

    citizens: int
    days: int
    seed: int
    taps: int
    faults: Mapping[Fault, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, *, citizens: int, days: int, seed: int, taps: int | None, faults: Mapping[Fault, float]
    ) -> Wish:
        """Checked; as many taps as the citizens make by themselves unless told. Raises WishWrong."""
        if not 1 <= citizens <= CITIZENS_MAX:
            raise WishWrong(f"--citizens is from 1 to {CITIZENS_MAX:,}.")
        if not 1 <= days <= DAYS_MAX:
            raise WishWrong(f"--days is from 1 to {DAYS_MAX}.")
        if seed < 0:
            raise WishWrong("--seed is a whole number from 0.")
        taps = citizens * days * NATURAL_TAPS if taps is None else taps
        if not 1 <= taps <= citizens * days * DAILY_TAPS_MAX:
            raise WishWrong(
                f"--taps is from 1 to {citizens * days * DAILY_TAPS_MAX:,} here: {DAILY_TAPS_MAX} a citizen and day."
            )
        return cls(citizens, days, seed, taps, faults)
