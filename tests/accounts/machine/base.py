"""One run of the city: its clock, its cards, its gateway and the book of what must be where; rolled back at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import pytest
import time_machine
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition

from accounts.errors import BusinessDayClosed, InvalidLeg, WrongChannel
from accounts.models import Card
from accounts.services import cards
from citizencard.core.calendar import NoOpenBusinessDay, shanghai
from citizencard.core.errors import CitizenCardError, Conflict, InvalidField
from settlement.errors import SettlementError
from settlement.selectors.audit import broken_invariants
from terminals.card.errors import TransportError
from tests.accounts.machine.book import Book
from tests.accounts.machine.city import DEPOSIT_FEN, City, Holder
from tests.accounts.machine.crashes import Crash, crash_at
from tests.accounts.machine.gateway import CityGateway
from tests.factories import CLERK

DEFECTS = (
    BusinessDayClosed,
    Conflict,
    InvalidField,
    InvalidLeg,
    NoOpenBusinessDay,
    SettlementError,
    WrongChannel,
)
"""Refusals that no honest step may meet."""
numbers = st.integers(0, 30)
amounts = st.one_of(st.integers(1, 3_000), st.integers(1, 30_000))
crashes = st.one_of(st.none(), st.none(), st.integers(0, 25))
losses = st.lists(st.sampled_from(["", "", "asked", "answer"]), max_size=3)

Step = TypeVar("Step", bound=Callable[..., Any])


def made(*things: str) -> Callable[[Step], Step]:
    """A step that makes sense only when there is one of these things already: none is wasted."""
    return precondition(lambda self: any(self.made[thing] for thing in things))


class CityMachine(RuleBasedStateMachine):
    """What every step needs; the steps themselves are in the classes that inherit from this one."""

    city: ClassVar[City]
    monkeypatch: ClassVar[pytest.MonkeyPatch]
    counts: ClassVar[Counter[str]] = Counter()
    audit_every: ClassVar[int] = 25
    made: Counter[str] = Counter()

    @initialize()
    def begin(self) -> None:
        self.run = transaction.atomic()
        self.run._from_testcase = True  # type: ignore[attr-defined]  # durable blocks are outermost but for this
        self.run.__enter__()
        self.now = self.city.start
        self.clock = time_machine.travel(self.now)
        self.coordinates = self.clock.start()
        self.holders = [holder.copied() for holder in self.city.holders]
        self.gateway = CityGateway().behind_the_services(self.monkeypatch)
        self.book = Book()
        self.day: date = self.city.today
        self.earned: Counter[str] = Counter()
        self.keys, self.sound = 0, False
        self.made = Counter()
        self.begin_areas()
        for holder in self.holders[::3]:
            self.hand_out(holder)
        self.begin_money()

    def begin_money(self) -> None:
        """Something to spend from the first step on."""

    def begin_areas(self) -> None:
        """What the areas keep for themselves during a run."""

    def teardown(self) -> None:
        if hasattr(self, "run"):
            try:
                if self.sound:  # else something failed, and that is to be shown
                    self.after_the_storm()
            finally:
                self.clock.stop()
                transaction.set_rollback(True)
                self.run.__exit__(None, None, None)

    def after_the_storm(self) -> None:
        """Everything comes to rest; then world, book and ledger are held against each other once more."""
        self.settle()
        self.follow()
        assert self.book.differences() == {}
        assert broken_invariants() == []

    def settle(self) -> None:
        """What the jobs of a quiet hour bring to an end."""

    # What steps do.

    def tick(self, wait: timedelta = timedelta(seconds=1)) -> datetime:
        """Some time later."""
        self.now += wait
        self.coordinates.move_to(self.now)
        return self.now

    def key(self) -> str:
        """A new idempotency key."""
        self.keys += 1
        return f"key-{self.keys}"

    def do(self, step: Callable[[], Any], *, crash: int | None = None, again: bool = False) -> Any:
        """Take a step, which may be refused, get no answer, crash and be repeated, or be submitted twice."""
        self.tick()
        self.sound = False
        result = self._attempt(step, crash)
        if again:
            type(self).counts["submitted twice"] += 1
            result = self._attempt(step, None) or result
        return result

    def _attempt(self, step: Callable[[], Any], crash: int | None) -> Any:
        type(self).counts["calls"] += 1
        try:
            with crash_at(crash):
                return step()
        except Crash:
            type(self).counts["crashes"] += 1
            # A statement outside of a service's transaction is a transaction of its own; here the run's would count as broken.
            transaction.set_rollback(False)
        except TransportError:
            type(self).counts["torn"] += 1
            return None
        except CitizenCardError as refusal:
            if isinstance(refusal, DEFECTS):
                raise
            type(self).counts["refused"] += 1
            return None
        finally:
            self.gateway.lost.clear()
        return self._attempt(step, None)

    def holder(self, number: int, *states: str) -> Holder | None:
        """One of the cards in a state; active unless told otherwise."""
        wanted = states or (Card.State.ACTIVE,)
        known = dict(Card.objects.filter(state__in=wanted).values_list("pk", "state"))
        found = [holder for holder in self.holders if holder.card.pk in known]
        return found[number % len(found)] if found else None

    def hand_out(self, holder: Holder, crash: int | None = None, again: bool = False) -> None:
        """A blank card becomes active, for its price and deposit in cash."""
        card = holder.card
        self.do(lambda: cards.mark_personalised(card=card, actor=CLERK))
        self.do(
            lambda: cards.issue_card(card=card, actor=CLERK, occurred_at=self.now), crash=crash, again=again
        )
        self.do(lambda: cards.activate_card(card=card, actor=CLERK), again=again)
        self.book.move("1011", "6002", card.product.price_fen)
        self.book.move("1011", "2021", DEPOSIT_FEN)

    # What must hold after every step.

    @invariant()
    def the_book_is_the_ledger(self) -> None:
        if not hasattr(self, "run"):
            return
        type(self).counts["steps"] += 1
        self.sound = False
        with connection.cursor() as cursor:  # what is checked at the end of a transaction
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        self.follow()
        assert self.book.differences() == {}
        assert sum(self.book.fen.values()) == 0
        if self.counts["steps"] % self.audit_every == 0:
            assert broken_invariants() == []
        self.sound = True

    def follow(self) -> None:
        """Enter in the book what background jobs have done."""
        for before, after in self.book.follow_orders():
            self.check_order(before, after)
        self.book.follow_gateway_refunds()
        self.made["gateway refund"] = len(self.book.given_back)

    def check_order(self, before: object, after: object) -> None:
        """Hold what a document says against what the world outside knows."""

    def open_date(self) -> date:
        """Today on the city's clocks."""
        return shanghai(self.now).date()
