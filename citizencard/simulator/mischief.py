"""What goes wrong at cards and terminals: records that never come, clocks gone wrong, copied chips, cards reported lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from citizencard.simulator.chance import Chance, Flags, Ints, pick, ranks
from citizencard.simulator.faults import Fault, count_of
from citizencard.simulator.places import Places
from citizencard.simulator.purses import TopUps
from citizencard.simulator.taps import PLAIN, Taps
from citizencard.simulator.visits import DAY_S

CLOCK_S: Final = 1_096 * DAY_S
"""A clock that has forgotten its year: three ahead."""
PULLED_S: Final = 5
"""The card is back that soon."""
NEVER: Final = np.iinfo(np.int64).max
_TAIL: Final = 3
"""Taps that a finder makes with a lost card."""
_EVENING_S: Final = 21 * 3600
_NO_RECORD: Final = (Fault.LOST, Fault.TORN, Fault.PULLED)


@dataclass(frozen=True, slots=True)
class Reports:
    """Cards reported lost, and the second (by the city's clock) from which purchases are no longer paid for."""

    card: Ints
    at: Ints

    def moments(self, cards: int) -> Ints:
        """By card; NEVER for the others."""
        moments = np.full(cards, NEVER, np.int64)
        moments[self.card] = self.at
        return moments


def has_record(taps: Taps) -> Flags:
    """Whose records a terminal has to send."""
    found: Flags = ~np.isin(taps.fault, _NO_RECORD)
    return found


def by_clock(taps: Taps, drift_s: Ints) -> Ints:
    """When the taps happened by the clocks of their terminals."""
    return taps.at + drift_s[taps.device] + np.where(taps.fault == Fault.CLOCK, CLOCK_S, 0)


def spoil(
    chance: Chance, rates: Mapping[Fault, float], taps: Taps, top_ups: TopUps, places: Places, drift_s: Ints,
    fare_fen: int, days: int,
) -> tuple[Taps, Reports]:  # fmt: skip
    """The taps with everything that goes wrong before an upload, in the order of time and with the SAMs' numbers.

    What is to be missed is never the first or last that a card or a terminal did: nobody could know of it.
    """
    random = chance.stream("mischief")
    free = _inner(taps.card, taps.at) & _inner(taps.device, taps.at)
    fault = taps.fault.copy()
    total = len(taps)

    def victims(kind: Fault, among: Flags) -> Ints:
        chosen = pick(random, np.flatnonzero(free & among), count_of(rates.get(kind, 0), total))
        free[chosen] = False
        return chosen

    anything, plain = np.ones(total, np.bool_), (taps.kind == PLAIN) & (taps.amount >= fare_fen)
    reports, tail = _report_losses(
        random, count_of(rates.get(Fault.HOT, 0), _cards(taps)), taps, top_ups, drift_s
    )
    fault[tail] = Fault.HOT
    free[tail] = False
    for kind in (Fault.LOST, Fault.TORN, Fault.CLOCK):
        fault[victims(kind, anything)] = kind
    pulled = taps.only(victims(Fault.PULLED, plain))
    extras = replace(pulled, at=pulled.at - PULLED_S, fault=np.full(len(pulled), Fault.PULLED))
    early = plain & (taps.at % DAY_S < _EVENING_S)
    for kind in (Fault.CLONED, Fault.ROLLBACK):
        originals = taps.only(victims(kind, early))
        extras = extras.followed_by(_copies(random, kind, originals, places, fare_fen, days))
    return _in_time(replace(taps, fault=fault).followed_by(extras)), reports


def _cards(taps: Taps) -> int:
    return int(taps.card.max(initial=-1)) + 1


def _inner(groups: Ints, at: Ints) -> Flags:
    """Neither the first nor the last of its group by time."""
    by_time = np.argsort(at, kind="stable")
    before = np.empty(len(at), np.int64)
    before[by_time] = ranks(groups[by_time])
    found: Flags = (before > 0) & (before < np.bincount(groups)[groups] - 1)
    return found


def _copies(
    random: np.random.Generator, kind: Fault, originals: Taps, places: Places, fare_fen: int, days: int
) -> Taps:
    """A ride with the chip as it was before `originals`: on another chip soon after, or set back and used days later."""
    count = len(originals)
    later = random.integers(300, 3_000, count)
    if kind is Fault.ROLLBACK:
        left = days - 1 - originals.at // DAY_S
        later += random.integers(0, left + 1) * DAY_S
    return replace(
        originals,
        device=random.choice(places.buses.ravel(), count),
        at=originals.at + later,
        amount=np.full(count, fare_fen, np.int64),
        balance=originals.balance + originals.amount - fare_fen,
        fault=np.full(count, kind, np.int64),
    )


def _report_losses(
    random: np.random.Generator, count: int, taps: Taps, top_ups: TopUps, drift_s: Ints
) -> tuple[Reports, Ints]:
    """Cards lost before their last few taps, and those taps. Nobody tops up a lost card."""
    last_load = np.zeros(_cards(taps), np.int64)
    np.maximum.at(
        last_load, top_ups.card[top_ups.card < len(last_load)], top_ups.at[top_ups.card < len(last_load)]
    )
    from_end = np.bincount(taps.card)[taps.card] - 1 - ranks(taps.card)
    follows = (ranks(taps.card) > 0) & (taps.at > last_load[taps.card])
    begins = np.flatnonzero(follows & (from_end < _TAIL))
    card = pick(random, np.unique(taps.card[begins]), count)
    first = begins[np.isin(taps.card[begins], card)]
    first = first[np.unique(taps.card[first], return_index=True)[1]]
    tail = np.flatnonzero(np.isin(taps.card, card) & (np.arange(len(taps)) >= _at_card(first, taps)))
    return Reports(card, taps.at[first] + drift_s[taps.device[first]] - 1), tail


def _at_card(first: Ints, taps: Taps) -> Ints:
    """For each tap where the tail of its card begins; beyond everything for a card without."""
    begins = np.full(_cards(taps), NEVER, np.int64)
    begins[taps.card[first]] = first
    return begins[taps.card]


def _in_time(taps: Taps) -> Taps:
    """In the order of time, with what each SAM counts: every purchase begun, from one."""
    ordered = taps.only(np.argsort(taps.at, kind="stable"))
    return replace(ordered, seq=ranks(ordered.device) + 1)
