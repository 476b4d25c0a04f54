"""What the books must say, from the plan alone: each day's accounts, each purse, each counter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from accounts.models import Chart
from citizencard.simulator.chance import Ints
from citizencard.simulator.plan import Plan
from citizencard.simulator.verdicts import ACCEPTED, CONFLICT, HOT_LISTED, PAID, TAPPED
from citizencard.simulator.visits import DAY_S

_BASIS: Final = 10_000
PURSES: Final = Chart.PURSE_ANONYMOUS.value
"""All purses together, under their control account."""

Turnover = dict[tuple[int, str], tuple[int, int]]
"""(day, account) → debit and credit in fen. Merchants' accounts are `chart.number` with the plan's number."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Sets of counters as runs without a gap: whose, from, and up to (not included)."""

    owner: Ints
    low: Ints
    high: Ints

    @classmethod
    def of(cls, owner: Ints, number: Ints) -> Runs:
        """From single counters, in any order, which may stand there twice."""
        order = np.lexsort((number, owner))
        owner, number = owner[order], number[order]
        new = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(number, prepend=-2) > 1))
        ends = np.append(new[1:], len(owner)) - 1
        return cls(owner[new], number[new], number[ends] + 1 if len(new) else number[:0])

    def rows(self) -> set[tuple[int, int, int]]:
        """As triples, to be compared."""
        return set(zip(self.owner.tolist(), self.low.tolist(), self.high.tolist(), strict=True))

    def gaps(self) -> set[tuple[int, int]]:
        """What is missing between the runs: owner and counter."""
        inside = np.flatnonzero(self.owner[1:] == self.owner[:-1])
        return {
            (int(self.owner[at]), missing)
            for at in inside
            for missing in range(int(self.high[at]), int(self.low[at + 1]))
        }


@dataclass(frozen=True, slots=True)
class Expected:
    """The end of the run. `purse_fen` is by card."""

    turnover: Turnover
    purse_fen: Ints
    card_counters: Runs
    sequences: Runs


def expect(plan: Plan) -> Expected:
    """Everything that follows from the plan's verdicts."""
    lines, taps = plan.traffic.lines, plan.taps
    paid, tapped = (np.flatnonzero(np.isin(plan.verdict, kinds)) for kinds in (PAID, TAPPED))
    spent, kept = taps.only(lines.tap[paid]), taps.only(lines.tap[tapped])
    purse_fen = np.zeros(plan.wish.citizens, np.int64)
    np.add.at(purse_fen, plan.top_ups.card, plan.top_ups.amount)
    np.subtract.at(purse_fen, spent.card, spent.amount)
    return Expected(
        _turnover(plan), purse_fen, Runs.of(spent.card, spent.atc), Runs.of(kept.device, kept.seq)
    )


def _turnover(plan: Plan) -> Turnover:
    debit: Counter[tuple[int, str]] = Counter()
    credit: Counter[tuple[int, str]] = Counter()

    def move(day: int, source: str, target: str, fen: int) -> None:
        debit[day, source] += fen
        credit[day, target] += fen

    for day, fen in enumerate(_sums(plan.top_ups.at // DAY_S, plan.top_ups.amount, plan.wish.days)):
        move(day, Chart.COUNTER_CASH, Chart.TOP_UPS_IN_TRANSIT, int(fen))
        move(day, Chart.TOP_UPS_IN_TRANSIT, PURSES, int(fen))
    for (day, party, verdict), fen in _earned(plan).items():
        source = Chart.SUSPENSE_RECEIVABLE if verdict == CONFLICT else PURSES
        held = Chart.SUSPENSE_PAYABLE if verdict in (CONFLICT, HOT_LISTED) else None
        move(day, source, held or f"{Chart.MERCHANT_PAYABLE}.{party}", fen)
        if verdict == ACCEPTED:
            payable, fee = f"{Chart.MERCHANT_PAYABLE}.{party}", _fee(fen, plan.layout.parties[party].fee)
            move(day, payable, Chart.FEE_INCOME, fee)
            move(day, payable, f"{Chart.SETTLEMENT_PAYABLE}.{party}", fen - fee)
    return {key: (debit[key], credit[key]) for key in sorted(debit | credit) if debit[key] or credit[key]}


def _earned(plan: Plan) -> dict[tuple[int, int, int], int]:
    """Fen by night of arrival, merchant and verdict."""
    lines, parties = plan.traffic.lines, len(plan.layout.parties)
    kept = np.flatnonzero(np.isin(plan.verdict, TAPPED))
    nights = np.array([upload.day for upload in plan.traffic.uploads], np.int64)
    owner = np.array([device.party for device in plan.layout.devices], np.int64)
    tap = lines.tap[kept]
    place = (nights[lines.upload[kept]] * parties + owner[plan.taps.device[tap]]) * len(TAPPED)
    sums = _sums(place + plan.verdict[kept], plan.taps.amount[tap], plan.wish.days * parties * len(TAPPED))
    found: dict[tuple[int, int, int], int] = {}
    for number in np.flatnonzero(sums).tolist():
        (day, party), verdict = divmod(number // len(TAPPED), parties), number % len(TAPPED)
        found[day, party, verdict] = int(sums[number])
    return found


def _fee(fen: int, basis_points: int) -> int:
    """Rounded half up, as contracts say."""
    return (fen * basis_points + _BASIS // 2) // _BASIS


def _sums(groups: Ints, amounts: Ints, count: int) -> Ints:
    """Sums by group; floats would lose fen."""
    sums = np.zeros(count, np.int64)
    np.add.at(sums, groups, amounts)
    return sums
