"""What the completeness report must say of a run: every gap, break, rollback, conflict and duplicate by its counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any, Final

import numpy as np
from django.conf import settings

from citizencard.simulator.chance import Flags, Ints
from citizencard.simulator.plan import Plan
from citizencard.simulator.verdicts import CONFLICT, DUPLICATE, PAID, TAPPED
from citizencard.simulator.world import World
from terminals.selectors import counters
from terminals.selectors.counters import BalanceLaw, Fault

Told = tuple[str, int, int, int, int, int | None]
"""Kind, card or terminal by the plan's number, first and last counter, count, missing fen."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The paid records of all cards, each card's in the order of its counter: one step from each to the next of its card."""

    tap: Ints
    follows: Flags
    """Whether the record before it is the same card's."""
    fell: Ints
    loaded: Ints
    missing: Ints


def chain(plan: Plan) -> Chain:
    """What the chips' own balances say of the way between two known records."""
    taps = plan.taps
    tap = plan.traffic.lines.tap[np.flatnonzero(np.isin(plan.verdict, PAID))]
    tap = tap[np.lexsort((taps.atc[tap], taps.card[tap]))]
    card, balance = taps.card[tap], taps.balance[tap]
    follows = np.append(False, card[1:] == card[:-1])
    loads = _loads_before(plan, tap)
    fell, loaded = np.zeros(len(tap), np.int64), np.zeros(len(tap), np.int64)
    fell[1:], loaded[1:] = balance[:-1] - balance[1:], loads[1:] - loads[:-1]
    return Chain(tap, follows, fell, loaded, fell + loaded - taps.amount[tap])


def _loads_before(plan: Plan, tap: Ints) -> Ints:
    """What was loaded onto a card, ever, before it used the counter of this tap (a copied chip's is the original's)."""
    taps, loads = plan.taps, plan.top_ups
    order = np.lexsort((taps.at, taps.atc, taps.card))
    counter = taps.card * _COUNTERS + taps.atc
    # The first use of a counter is the chip's own: copies are used later.
    known, first = np.unique(counter[order], return_index=True)
    at = taps.at[order][first][np.searchsorted(known, counter[tap])]
    moment = loads.card * _MOMENTS + loads.at
    sums = np.append(0, np.cumsum(loads.amount))
    begins = np.searchsorted(loads.card, taps.card[tap])
    found: Ints = sums[np.searchsorted(moment, taps.card[tap] * _MOMENTS + at)] - sums[begins]
    return found


_COUNTERS: Final = 0x1_0000
_MOMENTS: Final = 1 << 40


def expected_card_faults(plan: Plan) -> Iterator[Told]:
    """As `counters.card_faults` tells them."""
    steps, taps, lines = chain(plan), plan.taps, plan.traffic.lines
    atc, card = taps.atc[steps.tap], taps.card[steps.tap]
    before = np.append(0, atc[:-1])
    for at in np.flatnonzero(steps.follows & (atc > before + 1)).tolist():
        first, last = int(before[at]) + 1, int(atc[at]) - 1
        yield "gap", int(card[at]), first, last, last - first + 1, int(steps.missing[at])
    for at in np.flatnonzero(steps.follows & (atc == before + 1) & (steps.missing != 0)).tolist():
        yield "break", int(card[at]), int(atc[at]), int(atc[at]), 1, int(steps.missing[at])
    for at in _turned_back(plan.clock[steps.tap], card).tolist():
        yield "rollback", int(card[at]), int(atc[at]), int(atc[at]), 1, None
    for kind, verdict in (("conflict", CONFLICT), ("duplicate", DUPLICATE)):
        again = lines.tap[plan.verdict == verdict]
        yield from _counted(kind, taps.card[again], taps.atc[again])


def expected_terminal_faults(plan: Plan) -> Iterator[Told]:
    """As `counters.terminal_faults` tells them."""
    taps, lines = plan.taps, plan.traffic.lines
    kept = lines.tap[np.flatnonzero(np.isin(plan.verdict, TAPPED))]
    kept = kept[np.lexsort((taps.seq[kept], taps.device[kept]))]
    device, seq = taps.device[kept], taps.seq[kept]
    apart = np.flatnonzero((np.diff(device) == 0) & (np.diff(seq) > 1))
    for at in apart.tolist():
        first, last = int(seq[at]) + 1, int(seq[at + 1]) - 1
        yield "gap", int(device[at]), first, last, last - first + 1, None
    for at in _turned_back(plan.clock[kept], device).tolist():
        yield "rollback", int(device[at]), int(seq[at]), int(seq[at]), 1, None
    again = lines.tap[plan.verdict == DUPLICATE]
    yield from _counted("duplicate", taps.device[again], taps.seq[again])


def expected_law(plan: Plan) -> BalanceLaw:
    """As `counters.balance_law` sums it up."""
    steps, taps = chain(plan), plan.taps
    atc = taps.atc[steps.tap]
    beside = steps.follows & (atc == np.append(0, atc[:-1]) + 1)
    return BalanceLaw(
        cards=len(np.unique(taps.card[steps.tap][steps.follows])),
        spent_fen=int((steps.fell + steps.loaded)[steps.follows].sum()),
        matched_fen=int(taps.amount[steps.tap][steps.follows].sum()),
        gaps_fen=int(steps.missing[steps.follows & ~beside].sum()),
        unexplained_fen=int(steps.missing[beside].sum()),
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What the report says of the run's cards and terminals, by the plan's numbers."""

    cards: Counter[Told]
    terminals: Counter[Told]
    law: tuple[int, ...]


def read_report(world: World, pans: list[str], cards: Ints) -> Report:
    """Ask as `manage.py completeness` does."""
    terminals = [terminal.pk for terminal in world.terminals]
    by_pan = {pan: number for number, pan in enumerate(pans)}
    by_code = {terminal.code: number for number, terminal in enumerate(world.terminals)}
    ids = cards.tolist()
    return Report(
        Counter(_told(fault, by_pan) for fault in counters.card_faults(cards=ids)),
        Counter(_told(fault, by_code) for fault in counters.terminal_faults(terminals=terminals)),
        _figures(counters.balance_law(cards=ids)),
    )


def expected_report(plan: Plan) -> Report:
    """The same from the plan."""
    return Report(
        Counter(expected_card_faults(plan)),
        Counter(expected_terminal_faults(plan)),
        _figures(expected_law(plan)),
    )


def _told(fault: Fault, numbers: dict[str, int]) -> Told:
    return fault.kind, numbers[fault.number], fault.first, fault.last, fault.count, fault.missing_fen


def _figures(law: BalanceLaw) -> tuple[Any, ...]:
    return astuple(law)


def _counted(kind: str, owner: Ints, number: Ints) -> Iterator[Told]:
    if not len(owner):
        return
    pairs, counts = np.unique(np.stack((owner, number)), axis=1, return_counts=True)
    for whose, which, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
        yield kind, whose, which, which, count, None


def _turned_back(clock: Ints, owner: Ints) -> Ints:
    """Positions whose time is after that of a later counter of the same owner, by more than clocks may differ."""
    if not len(clock):
        return np.empty(0, np.int64)
    # From the end, each owner's earliest so far; owners are kept apart by adding what no time reaches.
    apart = (owner.max() - owner) * -_MOMENTS
    later = np.minimum.accumulate((clock + apart)[::-1])[::-1] - apart
    higher = np.append(later[1:], 0)
    same = np.append(owner[1:] == owner[:-1], False)
    return np.flatnonzero(same & (higher < clock - settings.FUTURE_TOLERANCE_SECONDS))
