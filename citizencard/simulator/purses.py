"""What is on the chips: topped up at the counter when it runs low, so that every purchase finds its money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from citizencard.simulator.chance import Ints, ranks
from citizencard.simulator.people import People
from citizencard.simulator.taps import Taps

LOW_FEN: Final = 500
"""Whoever would have less than this after a purchase goes to the counter first."""
BEFORE_TAP_S: Final = 30
OPENING_S: Final = 5 * 3600
"""The first load, when the card is sold, on the first day."""


@dataclass(frozen=True, slots=True)
class TopUps:
    """One element a top-up, by card and time: when, how much, the chip's online counter and its balance before."""

    card: Ints
    at: Ints
    amount: Ints
    online_atc: Ints
    before: Ints

    def __len__(self) -> int:
        return len(self.card)


def fill(taps: Taps, people: People) -> tuple[Taps, TopUps]:
    """Balances after each tap, and the top-ups that they need. `taps` stand in the order of cards and counters.

    All cards are taken at once, one tap further each time: as many steps as the busiest card has taps.
    """
    balance = people.first_load_fen.astype(np.int64)
    after = np.zeros(len(taps), np.int64)
    loads = np.zeros(len(taps), np.int64)
    by_counter = np.argsort(taps.atc, kind="stable")
    steps = np.split(by_counter, np.cumsum(np.bincount(taps.atc))[:-1])
    for step in steps:
        card = taps.card[step]
        loads[step] = np.where(balance[card] - taps.need[step] < LOW_FEN, people.later_load_fen[card], 0)
        balance[card] += loads[step] - taps.amount[step]
        after[step] = balance[card]
    if len(after) and after.min() < 0:
        raise ValueError("the smallest top-up is less than the dearest purchase")
    return replace(taps, balance=after), _top_ups(taps, loads, after, people)


def _top_ups(taps: Taps, loads: Ints, after: Ints, people: People) -> TopUps:
    """The first load of every card, and the later ones."""
    count, later = len(people), np.flatnonzero(loads)
    everybody = np.arange(count)
    card = np.concatenate((everybody, taps.card[later]))
    at = np.concatenate((np.full(count, OPENING_S), taps.at[later] - BEFORE_TAP_S))
    amount = np.concatenate((people.first_load_fen, loads[later]))
    before = np.concatenate((np.zeros(count, np.int64), (after + taps.amount - loads)[later]))
    order = np.lexsort((at, card))
    return TopUps(card[order], at[order], amount[order], ranks(card[order]), before[order])
