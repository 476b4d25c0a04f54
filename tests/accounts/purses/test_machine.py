"""Any order of payments, holds, refunds, freezing and time, against a few lines of arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.errors import (
    AccountNotOpen,
    HoldExceeded,
    HoldExpired,
    IllegalHoldTransition,
    LimitExceeded,
    PaymentOverRefunded,
    PurseFloorReached,
)
from accounts.models import Hold, LedgerAccount, Payment, Purse
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import holds, limits
from accounts.services.ledger import set_account_state
from accounts.services.payments import pay, refund_payment
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError
from tests.accounts.purses.crowd import FULL
from tests.accounts.purses.filling import fill, fresh
from tests.factories import CLERK, NOON
from tests.fixtures_accounts import TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
FLOOR, FILLING, DAILY = 0, 1_000, 900
EXAMPLES, STEPS = (2_000, 100) if FULL else (50, 50)
amounts = st.one_of(st.integers(1, 40), st.integers(1, 40), st.integers(1, 400))
numbers = st.integers(0, 30)


@dataclass
class Paid:
    row: Payment
    amount: int
    counted_on: date
    refunds: list[int] = field(default_factory=list)

    @property
    def kept(self) -> int:
        return self.amount - sum(self.refunds)


@dataclass
class Reserved:
    row: Hold
    amount: int
    expires_at: datetime
    counted_on: date
    captured: int = 0
    state: str = "reserved"

    @property
    def remaining(self) -> int:
        return self.amount - self.captured if self.state == "reserved" else 0


class Purses(RuleBasedStateMachine):
    """One purse, one shop, one limit a day; each run is rolled back."""

    purse: ClassVar[Purse]
    shop: ClassVar[LedgerAccount]
    steps: ClassVar[int] = 0
    refused: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        self.run = transaction.atomic()
        self.run.__enter__()
        self.now, self.frozen, self.keys = NOON, False, 0
        self.balance = FILLING
        self.paid: list[Paid] = []
        self.holds: list[Reserved] = []

    def teardown(self) -> None:
        if hasattr(self, "run"):
            assert invariants.broken() == []
            transaction.set_rollback(True)
            self.run.__exit__(None, None, None)

    # The model.

    @property
    def today(self) -> date:
        return shanghai(self.now).date()

    @property
    def held(self) -> int:
        return sum(hold.remaining for hold in self.holds)

    def used(self, day: date) -> int:
        return sum(each.kept for each in self.paid if each.counted_on == day) + sum(
            hold.remaining for hold in self.holds if hold.counted_on == day
        )

    def spending(self, amount: int) -> set[type[CitizenCardError]]:
        """What may be said against spending: any of it is right."""
        if self.used(self.today) + amount > DAILY:
            return {LimitExceeded} | ({AccountNotOpen} if self.frozen else set())
        against: set[type[CitizenCardError]] = {AccountNotOpen} if self.frozen else set()
        return against | ({PurseFloorReached} if self.balance - self.held - amount < FLOOR else set())

    def expect(self, against: set[type[CitizenCardError]], step: Callable[[], Any]) -> Any:
        """Take the step; None when it was refused, which must be for a reason that the model knows."""
        try:
            done = step()
        except tuple(against):
            type(self).refused += 1
            return None
        assert not against
        return done

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    # The steps.

    @rule(amount=amounts)
    def top_up(self, amount: int) -> None:
        if not self.frozen:
            fill(self.purse, amount)
            self.balance += amount

    @rule(amount=amounts)
    def pay(self, amount: int) -> None:
        payment = self.expect(self.spending(amount), lambda: self._pay(amount, self.key()))
        if payment is not None:
            self.paid.append(Paid(payment, amount, self.today))
            self.balance -= amount

    def _pay(self, amount: int, key: str) -> Payment:
        return pay(
            purse=self.purse,
            payee=self.shop.pk,
            amount_fen=amount,
            key=key,
            channel="qr",
            actor="shop",
            occurred_at=self.now,
        )

    @precondition(lambda self: any(each.row.hold_id is None for each in self.paid))
    @rule(number=numbers)
    def pay_again(self, number: int) -> None:
        plain = [each for each in self.paid if each.row.hold_id is None]
        each = plain[number % len(plain)]
        assert self._pay(each.amount, each.row.key) == each.row

    @precondition(lambda self: self.paid)
    @rule(number=numbers, amount=amounts, again=st.booleans())
    def refund(self, number: int, amount: int, again: bool) -> None:
        each = self.paid[number % len(self.paid)]
        key = f"refund-{each.row.key}-{len(each.refunds)}"
        against: set[type[CitizenCardError]] = {PaymentOverRefunded} if amount > each.kept else set()
        if self.frozen and not against:
            against = {AccountNotOpen}

        def give_back() -> object:
            return refund_payment(
                payment=each.row, amount_fen=amount, key=key, actor=CLERK, reason="", occurred_at=self.now
            )

        first = self.expect(against, give_back)
        if first is not None:
            each.refunds.append(amount)
            self.balance += amount
            assert not again or give_back() == first

    @rule(amount=amounts, minutes=st.sampled_from([1, 60, 3_000]))
    def reserve(self, amount: int, minutes: int) -> None:
        expires_at = self.now + timedelta(minutes=minutes)
        hold = self.expect(
            self.spending(amount),
            lambda: holds.reserve(
                purse=self.purse,
                payee=self.shop.pk,
                amount_fen=amount,
                key=self.key(),
                channel="bike",
                expires_at=expires_at,
                reason="",
                actor="bike",
                occurred_at=self.now,
            ),
        )
        if hold is not None:
            self.holds.append(Reserved(hold, amount, expires_at, self.today))

    @precondition(lambda self: self.holds)
    @rule(number=numbers, amount=amounts, final=st.booleans(), again=st.booleans())
    def capture(self, number: int, amount: int, final: bool, again: bool) -> None:
        hold, key = self.holds[number % len(self.holds)], self.key()

        def take() -> Payment:
            return holds.capture(
                hold=hold.row, amount_fen=amount, key=key, actor="bike", occurred_at=self.now, final=final
            )

        payment = self.expect(self._capturing(hold, amount), take)
        if payment is None:
            return
        hold.captured += amount
        if final or hold.captured == hold.amount:
            hold.state = "captured"
        self.paid.append(Paid(payment, amount, hold.counted_on))
        self.balance -= amount
        assert not again or take() == payment

    def _capturing(self, hold: Reserved, amount: int) -> set[type[CitizenCardError]]:
        if hold.state != "reserved":
            return {IllegalHoldTransition}
        if hold.expires_at <= self.now:
            return {HoldExpired}
        if amount > hold.remaining:
            return {HoldExceeded}
        return {AccountNotOpen} if self.frozen else set()

    @precondition(lambda self: self.holds)
    @rule(number=numbers)
    def release(self, number: int) -> None:
        hold = self.holds[number % len(self.holds)]
        over = hold.state in ("captured", "expired")
        done = self.expect(
            {IllegalHoldTransition} if over else set(),
            lambda: holds.release(hold=hold.row, occurred_at=self.now),
        )
        if done is not None:
            hold.state = "released"

    @rule(minutes=st.sampled_from([1, 30, 600, 1_500]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        due = [hold for hold in self.holds if hold.state == "reserved" and hold.expires_at <= self.now]
        assert holds.expire_holds(now=self.now) == len(due)
        for hold in due:
            hold.state = "expired"

    @rule()
    def freeze_or_open(self) -> None:
        self.frozen = not self.frozen
        state = LedgerAccount.State.FROZEN if self.frozen else LedgerAccount.State.OPEN
        set_account_state(account=self.purse.account, state=state, actor=CLERK, reason="")

    @invariant()
    def the_books_say_what_the_model_says(self) -> None:
        if not hasattr(self, "run"):
            return
        type(self).steps += 1
        now = fresh(self.purse)
        assert (now.balance_fen, now.held_fen) == (self.balance, self.held)
        assert account_balance_fen(self.shop.pk) == sum(each.kept for each in self.paid)
        assert now.available_fen >= 0
        for hold in self.holds:
            assert Hold.objects.filter(pk=hold.row.pk, state=hold.state, captured_fen=hold.captured).exists()


def test_any_order_of_steps(
    purse: Purse, shop: LedgerAccount, record_property: Callable[[str, object], None]
) -> None:
    limits.publish_limit(
        code="day",
        measure="daily",
        operation="payment",
        limit_fen=DAILY,
        valid_from=TODAY,
        legal_basis="test",
        actor=CLERK,
    )
    Purses.purse, Purses.shop = purse, shop
    run_state_machine_as_test(
        Purses,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property("counted", f"purse steps against the model: {Purses.steps}, {Purses.refused} refused")
