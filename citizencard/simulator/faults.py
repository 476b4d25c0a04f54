"""What can go wrong between a chip and the ledger, each under a name, with how often it is injected."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Fault(IntEnum):
    """The kinds of fault. Those from REPEATED on add records or uploads that no chip has paid for."""

    NONE = 0
    LOST = 1
    TORN = 2
    PULLED = 3
    CLOCK = 4
    CLONED = 5
    ROLLBACK = 6
    HOT = 7
    LATE = 8
    REORDERED = 9
    SPLIT = 10
    REPEATED = 11
    ROUTES = 12
    AGAIN = 13
    FORGED = 14
    ALTERED = 15
    UNKNOWN = 16
    ILLEGAL = 17
    HEADER = 18
    STRANGER = 19

    @property
    def word(self) -> str:
        """As options and reports write it."""
        return self.name.lower()


RATES: Final[Mapping[Fault, float]] = {
    Fault.LOST: 0.001,
    Fault.TORN: 0.0005,
    Fault.PULLED: 0.0005,
    Fault.CLOCK: 0.0002,
    Fault.CLONED: 0.0003,
    Fault.ROLLBACK: 0.0002,
    Fault.HOT: 0.001,
    Fault.LATE: 0.03,
    Fault.REORDERED: 0.05,
    Fault.SPLIT: 0.03,
    Fault.REPEATED: 0.001,
    Fault.ROUTES: 0.01,
    Fault.AGAIN: 0.02,
    Fault.FORGED: 0.0005,
    Fault.ALTERED: 0.0005,
    Fault.UNKNOWN: 0.0003,
    Fault.ILLEGAL: 0.0003,
    Fault.HEADER: 0.01,
    Fault.STRANGER: 0.005,
}
"""How many of what each is counted by: taps, cards (HOT), or terminals' days (LATE to SPLIT, ROUTES, AGAIN, HEADER,
STRANGER)."""
TOGETHER_MAX: Final = 0.5
"""Of the taps; beyond it too few honest ones are left to see the others by."""
_BY_TAP: Final = (
    Fault.LOST, Fault.TORN, Fault.PULLED, Fault.CLOCK, Fault.CLONED, Fault.ROLLBACK, Fault.REPEATED, Fault.FORGED,
    Fault.ALTERED, Fault.UNKNOWN, Fault.ILLEGAL,
)  # fmt: skip


class FaultsWrong(ValueError):
    """The wish cannot be read; the message is a sentence for whoever typed it."""


def parse_faults(text: str) -> dict[Fault, float]:
    """`all`, `none`, or names with or without rates: `lost=0.01,forged`. Raises FaultsWrong."""
    if text == "none":
        return {}
    if text == "all":
        return dict(RATES)
    rates = dict(_parse_one(part.strip()) for part in text.split(","))
    if sum(rates.get(fault, 0) for fault in _BY_TAP) > TOGETHER_MAX:
        raise FaultsWrong(f"More than {TOGETHER_MAX:.0%} of the taps would be faulty.")
    return rates


def count_of(rate: float, population: int) -> int:
    """How many are injected: the rate's share, but at least one where any are wanted and there is one to be had."""
    return min(population, max(1, round(rate * population))) if rate > 0 else 0


def _parse_one(part: str) -> tuple[Fault, float]:
    word, _, rate_text = part.partition("=")
    known = {fault.word: fault for fault in RATES}
    if word not in known:
        raise FaultsWrong(f"There is no fault {word!r}; known are {', '.join(known)}.")
    fault = known[word]
    if not rate_text:
        return fault, RATES[fault]
    try:
        rate = float(rate_text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise FaultsWrong(f"The rate of {word} is a number from 0 to 1, not {rate_text!r}.")
    return fault, rate
