"""Compare: every record, every account of every day, every purse, every counter. An honest city differs in nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from citizencard.simulator.chance import Ints
from citizencard.simulator.completeness import Report, expected_report, read_report
from citizencard.simulator.delivery import batch_number
from citizencard.simulator.expected import Expected, Runs
from citizencard.simulator.faults import Fault
from citizencard.simulator.found import (
    STRANGE,
    Records,
    read_batches,
    read_card_counters,
    read_purses,
    read_records,
    read_sequences,
    read_turnover,
)
from citizencard.simulator.verdicts import TAPPED, VERDICTS
from citizencard.simulator.world import World

KEPT_MAX: Final = 1_000
"""Differences that are named; the others are counted."""
_LINES_MAX: Final = 1 << 20
_MISSING: Final = -1
CARD_LOSSES: Final = (Fault.LOST, Fault.TORN, Fault.CLOCK)
"""What leaves a gap in a card's counters."""
TERMINAL_LOSSES: Final = (*CARD_LOSSES, Fault.PULLED)
"""What leaves a gap in a terminal's sequence."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as the plan says."""

    what: str
    expected: str
    found: str


@dataclass
class Check:
    """What was compared and what differed. `verdict` is by line of the plan; the digest is of everything found."""

    world: World
    expected: Expected
    differences: list[Difference] = field(default_factory=list)
    differing: int = 0
    compared: int = 0
    verdict: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    card_gaps: set[tuple[int, int]] = field(default_factory=set)
    sequence_gaps: set[tuple[int, int]] = field(default_factory=set)
    reported: Report | None = None

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256()

    def digest(self) -> str:
        """SHA-256 over what the database holds, in the plan's terms: no id, no time of today."""
        return self._digest.hexdigest()

    def run(self, pans: list[str]) -> None:
        """Compare everything. `pans` are the card numbers by the plan's cards."""
        cards, balances = read_purses(pans)
        self._records(cards)
        self._turnover()
        self._purses(balances)
        self._counters("card", self.expected.card_counters, read_card_counters(cards), self.card_gaps)
        self._counters("terminal", self.expected.sequences, read_sequences(self.world), self.sequence_gaps)
        self._gaps()
        self._report(read_report(self.world, pans, cards))

    def differ(self, what: str, expected: object, found: object) -> None:
        """Note a difference."""
        self.differing += 1
        if len(self.differences) < KEPT_MAX:
            self.differences.append(Difference(what, str(expected), str(found)))

    def equal(self, what: str, expected: Any, found: Any) -> None:
        """Compare one thing."""
        self.compared += 1
        if expected != found:
            self.differ(what, expected, found)

    def _records(self, cards: Ints) -> None:
        traffic = self.world.plan.traffic
        known = read_batches(self.world)
        names = [
            (self.world.terminals[upload.device].pk, batch_number(self.world, upload))
            for upload in traffic.uploads
        ]
        for name in known.keys() - set(names):
            self.differ(f"batch {name[1]} of terminal {name[0]}", "none", "processed")
        batches = np.array([known.get(name, _MISSING) for name in names], np.int64)
        self.verdict = np.full(len(traffic.lines), _MISSING, np.int64)
        nights = np.array([upload.day for upload in traffic.uploads], np.int64)
        for day in range(self.world.plan.wish.days):
            lines = np.flatnonzero(nights[traffic.lines.upload] == day)
            self._records_of(lines, batches, read_records(self.world, day), cards)
        self._digest.update(np.ascontiguousarray(self.verdict, "<i8").tobytes())

    def _records_of(self, lines: Ints, batches: Ints, found: Records, cards: Ints) -> None:
        """One night's lines; `found` is all that the database has of that business date."""
        plan, upload = self.world.plan, self.world.plan.traffic.lines.upload[lines]
        first = np.searchsorted(self.world.plan.traffic.lines.upload, upload)
        keys = batches[upload] * _LINES_MAX + lines - first + 2
        found_keys = found.batch * _LINES_MAX + found.line
        order = np.argsort(found_keys)
        at = np.searchsorted(found_keys[order], keys).clip(max=max(len(order) - 1, 0))
        place = order[at] if len(order) else np.zeros(len(keys), np.int64)
        there = found_keys[place] == keys if len(order) else np.zeros(len(keys), np.bool_)
        self.verdict[lines[there]] = found.verdict[place[there]]
        for key in np.setdiff1d(found_keys, keys)[:KEPT_MAX].tolist():
            self.differ(f"batch {key // _LINES_MAX} line {key % _LINES_MAX}", "no record", "a record")
        self.compared += len(lines)
        for line in lines[self.verdict[lines] != plan.verdict[lines]].tolist():
            self.differ(self._name(line), _word(plan.verdict[line]), _word(self.verdict[line]))
        tapped = there & np.isin(self.verdict[lines], TAPPED)
        self._facts(lines[tapped], place[tapped], found, cards)

    def _facts(self, lines: Ints, place: Ints, found: Records, cards: Ints) -> None:
        """Card, counters, amount and time of what was kept as a tap."""
        plan = self.world.plan
        tap = plan.traffic.lines.tap[lines]
        midnight = int(self.world.moment(0).timestamp())
        columns = (
            ("card", cards[plan.taps.card[tap]], found.card),
            ("counter", plan.taps.atc[tap], found.atc),
            ("sequence", plan.taps.seq[tap], found.seq),
            ("amount", plan.taps.amount[tap], found.amount),
            ("time", plan.clock[tap] + midnight, found.at),
        )
        for name, wanted, kept in columns:
            for at in np.flatnonzero(wanted != kept[place]).tolist():
                self.differ(f"{self._name(int(lines[at]))}: {name}", wanted[at], kept[place[at]])

    def _name(self, line: int) -> str:
        lines = self.world.plan.traffic.lines
        upload = self.world.plan.traffic.uploads[lines.upload[line]]
        number = line - int(np.searchsorted(lines.upload, lines.upload[line])) + 2
        return f"terminal {self.world.terminals[upload.device].code} batch {batch_number(self.world, upload)} line {number}"

    def _turnover(self) -> None:
        expected, found = self.expected.turnover, read_turnover(self.world)
        for key in sorted(expected.keys() | found.keys()):
            nothing = (0, 0)
            self.equal(
                f"day {key[0] + 1} account {key[1]}: debit, credit",
                expected.get(key, nothing),
                found.get(key, nothing),
            )
        self._digest.update(json.dumps(sorted(found.items())).encode())

    def _purses(self, balances: Ints) -> None:
        self.equal("purses", len(self.expected.purse_fen), len(balances))
        if len(balances) == len(self.expected.purse_fen):
            self.compared += len(balances)
            for card in np.flatnonzero(balances != self.expected.purse_fen).tolist():
                self.differ(f"purse of card {card}", self.expected.purse_fen[card], balances[card])
        self._digest.update(np.ascontiguousarray(balances, "<i8").tobytes())

    def _counters(self, what: str, expected: Runs, found: Runs, gaps: set[tuple[int, int]]) -> None:
        wanted, kept = expected.rows(), found.rows()
        self.compared += len(wanted)
        for owner, low, high in sorted(wanted - kept):
            self.differ(f"{what} {owner}: counters from {low} below {high}", "seen together", "not so")
        for owner, low, high in sorted(kept - wanted):
            self.differ(f"{what} {owner}: counters from {low} below {high}", "not so", "seen together")
        gaps |= found.gaps()
        self._digest.update(json.dumps(sorted(kept)).encode())

    def _gaps(self) -> None:
        """What is missing is what was made to be missing, and nothing else."""
        taps = self.world.plan.taps
        for what, losses, owner, number, gaps in (
            ("card", CARD_LOSSES, taps.card, taps.atc, self.card_gaps),
            ("terminal", TERMINAL_LOSSES, taps.device, taps.seq, self.sequence_gaps),
        ):
            lost = np.flatnonzero(np.isin(taps.fault, losses))
            injected = set(zip(owner[lost].tolist(), number[lost].tolist(), strict=True))
            self.compared += len(injected)
            for missing in sorted(injected - gaps):
                self.differ(f"{what} {missing[0]} counter {missing[1]}", "missing", "not missing")
            for missing in sorted(gaps - injected):
                self.differ(f"{what} {missing[0]} counter {missing[1]}", "not missing", "missing")

    def _report(self, found: Report) -> None:
        """The completeness report names what was done, and nothing else."""
        expected = expected_report(self.world.plan)
        for what, wanted, named in (
            ("card", expected.cards, found.cards),
            ("terminal", expected.terminals, found.terminals),
        ):
            self.compared += wanted.total()
            for kind, owner, first, last, count, fen in sorted(wanted - named, key=str):
                self.differ(
                    f"report: {kind} of {what} {owner} {first} to {last}", f"{count}, {fen} fen", "not so"
                )
            for kind, owner, first, last, count, fen in sorted(named - wanted, key=str):
                self.differ(
                    f"report: {kind} of {what} {owner} {first} to {last}", "not so", f"{count}, {fen} fen"
                )
            self._digest.update(json.dumps(sorted(named.items(), key=str)).encode())
        self.equal("report: cards; spent, matched, in gaps, unexplained", expected.law, found.law)
        self.reported = found


def _word(verdict: int) -> str:
    if verdict == _MISSING:
        return "nothing"
    return VERDICTS[verdict] if verdict != STRANGE else "another reason"
