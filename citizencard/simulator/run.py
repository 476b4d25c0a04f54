"""A simulated run: found the plan's city, live its days, clear each, and compare with what must have come out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Protocol

import numpy as np

from accounts.models import Card
from citizencard.core.calendar import open_business_day
from citizencard.demo.city import City
from citizencard.demo.hardware import MemoryShelf
from citizencard.simulator.check import Check
from citizencard.simulator.chips import RealCards
from citizencard.simulator.delivery import Delivery
from citizencard.simulator.expected import expect
from citizencard.simulator.faults import Fault
from citizencard.simulator.lines import Signed, Straight
from citizencard.simulator.plan import Plan, draw_plan
from citizencard.simulator.tally import Row, tally
from citizencard.simulator.virtual import VirtualCards
from citizencard.simulator.visits import DAY_S
from citizencard.simulator.wishes import Wish
from citizencard.simulator.world import ACTOR, World, found_world
from settlement.selectors.audit import audit_books
from settlement.services.clearing import clear_day
from terminals.services.hotlist import report_loss

STAGES: Final = ("plan", "found", "top up", "tap", "upload", "clear", "audit", "compare")


class Watcher(Protocol):
    """Whoever waits for a long run."""

    def stage(self, words: str) -> None:
        """Something begins."""

    def advance(self, records: int) -> None:
        """So many more records were uploaded."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out. `seconds` is by stage; no differences and no breaches are good."""

    plan: Plan
    check: Check
    faults: list[Row]
    breaches: int
    seconds: dict[str, float]

    @property
    def clean(self) -> bool:
        """Whether everything is as it must be."""
        return not self.check.differing and not self.breaches


@dataclass
class Run:
    """`url` sends the uploads to a web server over this database; `chips` plays every tap on a real chip."""

    city: City
    keys_file: Path
    wish: Wish
    first: date
    watcher: Watcher
    chips: bool = False
    url: str | None = None

    def play(self) -> Outcome:
        """Live all days and compare. Raises ChipsDiffer, KeyServiceUnavailable, AuditBroken and what services raise."""
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self.city.found()
        plan = self._timed("plan", draw_plan, self.wish, self.first, _tariffs(self.city))
        open_business_day(self.first)
        world = self._timed("found", found_world, plan)
        cards = self._cards(world)
        try:
            self._timed("found", cards.sell)
            door = Signed(world, self.url)
            line = door if self.url else Straight(world)
            delivery = Delivery(world, cards, line, door)
            for day in range(self.wish.days):
                self._live(world, cards, delivery, day)
            return self._compare(world, cards, delivery)
        finally:
            if isinstance(cards, RealCards):
                cards.close()

    def _cards(self, world: World) -> VirtualCards | RealCards:
        if self.chips:
            return RealCards(world, self.city, MemoryShelf(self.keys_file, self.city.devices / "chips"))
        return VirtualCards(world, self.keys_file)

    def _live(self, world: World, cards: VirtualCards | RealCards, delivery: Delivery, day: int) -> None:
        date = world.moment(day * DAY_S).date()
        self.watcher.stage(f"{date} top up")
        self._timed("top up", cards.top_up, day)
        self.watcher.stage(f"{date} tap")
        self._timed("tap", cards.live, day)
        _report_losses(world, cards.pans, day)
        self.watcher.stage(f"{date} upload")
        self._timed("upload", delivery.deliver, day, self.watcher.advance)
        self.watcher.stage(f"{date} clear")
        self._timed("clear", clear_day, day=date)

    def _compare(self, world: World, cards: VirtualCards | RealCards, delivery: Delivery) -> Outcome:
        self.watcher.stage("audit")
        audit = self._timed("audit", audit_books)
        self.watcher.stage("compare")
        check = Check(world, expect(world.plan))
        self._timed("compare", check.run, cards.pans)
        rows = tally(check, delivery)
        for row in rows:
            check.equal(f"signs of {row.fault.word}", row.expected, row.found)
        if isinstance(cards, RealCards):
            _compare_chips(check, world.plan, list(cards.balances()))
        return Outcome(world.plan, check, rows, len(audit.breaches), self._seconds)

    def _timed(self, stage: str, work: Any, *args: Any, **named: Any) -> Any:
        began = perf_counter()
        try:
            return work(*args, **named)
        finally:
            self._seconds[stage] += perf_counter() - began


def _tariffs(city: City) -> dict[str, dict[str, Any]]:
    return {tariff["code"]: tariff for tariff in city.plan["tariffs"]}


def _report_losses(world: World, pans: list[str], day: int) -> None:
    reports = world.plan.reports
    for card, at in zip(reports.card.tolist(), reports.at.tolist(), strict=True):
        if at // DAY_S == day:
            found = Card.objects.get(pan=pans[card])
            report_loss(card=found, actor=ACTOR, reason="遗失", occurred_at=world.moment(at))


def _compare_chips(check: Check, plan: Plan, balances: list[int]) -> None:
    """What the chips hold at the end is what the plan computed for their last taps."""
    loads, taps = plan.top_ups, plan.taps
    expected = [0] * plan.wish.citizens
    for card, fen in zip(loads.card.tolist(), loads.amount.tolist(), strict=True):
        expected[card] += fen
    honest = ~np.isin(taps.fault, (Fault.PULLED, Fault.CLONED, Fault.ROLLBACK))
    for card, fen in zip(taps.card[honest].tolist(), taps.amount[honest].tolist(), strict=True):
        expected[card] -= fen
    for card, (wanted, held) in enumerate(zip(expected, balances, strict=True)):
        check.equal(f"chip of card {card}", wanted, held)
