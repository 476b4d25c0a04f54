"""Reproducible days of taps that check themselves: what the ledger must say is known from the chips and the seed.

Chips, SAMs, terminal program, acceptance and clearing are the real ones; only the HTTP line is left out, so that a
thousand taps take seconds. Faults are dealt from the seed: records that come twice, forged ones, ones never uploaded.
"""

from __future__ import annotations

import random
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from accounts.models import Card, Purse, TopUpOrder
from citizencard.core.calendar import SHANGHAI, open_business_day
from citizencard.demo.city import City
from citizencard.demo.counter import Counter, sam_name
from citizencard.demo.hardware import MemoryReaders, MemoryShelf
from settlement.models import ClearingRun
from settlement.services.clearing import clear_day
from terminals.card.purse import PurseSession
from terminals.models import Tariff
from terminals.models import Terminal as Device
from terminals.program.memory import Memory
from terminals.program.terminal import Orders, Terminal
from terminals.readers.memory import MemoryTransport
from terminals.services.acceptance.service import accept_batch
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord

TOP_UP_FEN: Final = 50_000
FIRST_TAP: Final = time(6, 0)
TAPS_MAX: Final = 6
FAULT_RATE: Final = 0.02


@dataclass(frozen=True)
class Difference:
    """Something the ledger says otherwise than the chips; amounts in fen."""

    what: str
    expected: int
    found: int


@dataclass
class SimulatedDay:
    """One day's figures and the differences between expectation and ledger; none is right."""

    date: date
    taps: int
    expected: Tally[str]
    found: Tally[str] = field(default_factory=Tally)
    differences: list[Difference] = field(default_factory=list)


@dataclass
class Simulation:
    """`citizens` anonymous cards tapping for some days; the same seed gives the same taps."""

    city: City
    shelf: MemoryShelf
    citizens: int
    seed: int
    faults: bool

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  a simulation, not a secret
        self._cards: list[Card] = []
        self._lost_fen: Tally[str] = Tally()

    def live(self, first: date, days: int) -> Iterator[SimulatedDay]:
        """Play `days` business days from `first` on, which must be the open one."""
        for offset in range(days):
            day = first + timedelta(days=offset)
            open_business_day(day)
            if not self._cards:
                self._sell_cards(day)
            yield self._play(day)

    def _sell_cards(self, day: date) -> None:
        counter = Counter(self.city, MemoryReaders(), self.shelf)
        opening = datetime.combine(day, time(5, 0), SHANGHAI)
        counter.install_sams(opening)
        for _ in range(self.citizens):
            card = counter.issue("anonymous", None, opening)
            counter.top_up(card, TOP_UP_FEN, TopUpOrder.Channel.CASH, opening)
            self._cards.append(card)

    def _play(self, day: date) -> SimulatedDay:
        with ExitStack() as shift:
            terminals = self._start_shift(shift)
            tapped: dict[str, list[TapRecord]] = {code: [] for code in terminals}
            for code, card, when, amount_fen in self._plan(day, sorted(terminals)):
                transport = MemoryTransport(self.shelf.card(card.pan))
                record = terminals[code].tap(transport, when=when, amount_fen=amount_fen).record
                if record is not None:
                    tapped[code].append(record)
        outcome = SimulatedDay(day, sum(map(len, tapped.values())), Tally())
        for code, records in tapped.items():
            self._upload(code, records, outcome)
        run = clear_day(day=day)
        self._compare(outcome, run)
        return outcome

    def _start_shift(self, shift: ExitStack) -> dict[str, Terminal]:
        journals = Path(shift.enter_context(TemporaryDirectory(prefix="citizencard-journals-")))
        terminals = {}
        for described in self._devices():
            code = described["code"]
            memory = shift.enter_context(closing(Memory.open(journals / code)))
            sam = MemoryTransport(self.shelf.sam(sam_name(code)))
            orders = _orders(described["tariff_code"])
            terminals[code] = Terminal(sam=sam, memory=memory, orders=orders)
        return terminals

    def _devices(self) -> list[dict[str, Any]]:
        """Terminals where a tap is a whole purchase; rides with two ends are the demo's subject."""
        return [
            item for item in self.city.plan["terminals"] if item["tariff_code"] in ("bus-flat", "entered")
        ]

    def _plan(self, day: date, codes: list[str]) -> list[tuple[str, Card, datetime, int]]:
        """Who taps where, when and for how much, in the order of time."""
        start = datetime.combine(day, FIRST_TAP, SHANGHAI)
        plan = [
            (self._random.choice(codes), card, start + timedelta(seconds=self._random.randrange(60_000)))
            for card in self._cards
            for _ in range(self._random.randint(1, TAPS_MAX))
        ]
        plan.sort(key=lambda tap: tap[2])
        return [(*tap, self._random.randrange(100, 2_000)) for tap in plan]

    def _upload(self, code: str, records: list[TapRecord], outcome: SimulatedDay) -> None:
        """The batch of one terminal, with the seed's faults in it."""
        lines: list[TapRecord] = []
        for record in records:
            fault = self._random.choice(("twice", "forged", "lost")) if self._has_fault() else "none"
            if fault == "lost":
                self._lost_fen[record.card_no] += record.amount_fen
                outcome.expected["lost"] += 1
                continue
            lines.append(record)
            outcome.expected["accepted"] += 1
            if fault == "twice":
                lines.append(record)
                outcome.expected["duplicate"] += 1
            if fault == "forged":
                lines.append(replace(record, amount_fen=record.amount_fen + 100))
                outcome.expected["rejected"] += 1
        self._random.shuffle(lines)
        body = build_batch(f"sim-{outcome.date:%Y%m%d}-{self.seed}", lines)
        batch = accept_batch(terminal=Device.objects.get(code=code), body=body)
        for name in ("accepted", "suspended", "duplicate", "rejected"):
            outcome.found[name] += getattr(batch, name)

    def _has_fault(self) -> bool:
        return self.faults and self._random.random() < FAULT_RATE

    def _compare(self, outcome: SimulatedDay, run: ClearingRun) -> None:
        """Ledger against chips: every purse is the chip's balance plus what was never uploaded."""
        checks = [(name, outcome.expected[name], outcome.found[name]) for name in outcome.found]
        checks.append(("taps cleared", outcome.expected["accepted"], run.taps))
        balances = dict(
            Purse.objects.filter(card__in=self._cards).values_list("card__pan", "balance_fen").iterator()
        )
        for card in self._cards:
            purse = PurseSession(MemoryTransport(self.shelf.card(card.pan)))
            purse.select()
            expected_fen = purse.balance_fen() + self._lost_fen[card.pan]
            checks.append((f"purse {card.pan}", expected_fen, balances[card.pan]))
        outcome.differences = [Difference(*check) for check in checks if check[1] != check[2]]


def _orders(tariff_code: str) -> Orders:
    tariffs = Tariff.objects.filter(code=tariff_code).order_by("valid_from")
    return Orders.parse(
        {
            "tariffs": [
                {"valid_from": item.valid_from.isoformat(), "kind": item.kind, "rule": item.rule}
                for item in tariffs
            ]
        }
    )
