"""Any order of ordering, paying, call-backs, lost answers, torn loads, reversals and repair: no fen is lost or made.

The chip is the simulator's and may be pulled at every APDU; the gateway loses questions and answers. When the storm is over
one daily match, one repair, one visit of the card and one sending of refunds must leave nothing open.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
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
    BalanceLimitExceeded,
    GatewayUnavailable,
    IllegalOrderTransition,
)
from accounts.gateway.port import PaymentStatus, RefundStatus
from accounts.models import Card, GatewayRefund, Purse, TopUpDifference, TopUpOrder
from accounts.selectors import invariants
from accounts.services import topup
from accounts.services.gateway_payment import settle_payment
from accounts.services.gateway_refunds import ASK_AGAIN_AFTER, note_refund, send_gateway_refunds
from accounts.services.matching import match_topups
from accounts.services.repair import EXPIRES_AFTER, POLL_AFTER, Repaired, cancel_topup, repair_topups
from citizencard.core.calendar import shanghai
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import BusinessDay
from terminals.card.errors import CardRemoved, TransportError
from terminals.errors import LoadUnfinished
from terminals.readers.memory import MemoryTransport
from terminals.services.counter import load_chip, write_back
from terminals.simulator.chip import Chip
from tests.accounts.purses.crowd import FULL
from tests.accounts.topup.gateway import MODULES, FakeGateway
from tests.factories import CLERK, NOON, make_order
from tests.terminals.chips import COUNTER_NO, PIN, issued_card

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
State = TopUpOrder.State
EXAMPLES, STEPS = (1_000, 60) if FULL else (15, 40)
LOAD_APDUS = 8
numbers = st.integers(0, 30)
amounts = st.integers(100, 20_000)
losses = st.lists(st.sampled_from(["", "", "asked", "answer"]), max_size=3)
tears = st.one_of(st.none(), st.tuples(st.integers(0, LOAD_APDUS), st.booleans()))
Tear = tuple[int, bool] | None


class TornAt(MemoryTransport):
    """Pulls the card at the n-th APDU: before the chip has it, or after it worked but before its answer arrives."""

    def __init__(self, chip: Chip, tear: Tear, forgets: bool) -> None:
        super().__init__(chip)
        self._tear, self._forgets, self._seen = tear, forgets, 0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        if self._forgets and apdu[1] == 0x5A:
            return b"", 0x9406  # GET TRANSACTION PROVE: something else was the chip's last transaction
        self._seen += 1
        if self._tear is None or self._seen <= self._tear[0]:
            return super().transmit(apdu)
        if self._tear[1]:
            super().transmit(apdu)
        raise CardRemoved("pulled")


def some(**which: Any) -> Callable[[Any], bool]:
    """Only when there is such an order."""
    return lambda machine: hasattr(machine, "run") and TopUpOrder.objects.filter(**which).exists()


def asked_for(what: str) -> Callable[[Any], bool]:
    """Only when the gateway has such payments or refunds."""
    return lambda machine: hasattr(machine, "run") and bool(getattr(machine.gateway, what))


class TopUps(RuleBasedStateMachine):
    """One card with its chip and an account purse; each run is rolled back."""

    card: ClassVar[Card]
    issued: ClassVar[Chip]
    monkeypatch: ClassVar[pytest.MonkeyPatch]
    steps: ClassVar[int] = 0
    torn: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        self.run = transaction.atomic()
        self.run._from_testcase = True  # type: ignore[attr-defined]  # durable blocks are outermost but for this
        self.run.__enter__()
        self.chip = copy.deepcopy(self.issued)
        self.gateway = FakeGateway()
        for module in MODULES:
            self.monkeypatch.setattr(f"accounts.services.{module}.configured_gateway", lambda: self.gateway)
        self.now = timezone.now()
        self.cash_fen = 0

    def teardown(self) -> None:
        if hasattr(self, "run"):
            try:
                self.after_the_storm()
            finally:
                transaction.set_rollback(True)
                self.run.__exit__(None, None, None)

    def order(self, number: int, **which: Any) -> TopUpOrder | None:
        """One of the orders there are."""
        orders = list(TopUpOrder.objects.filter(**which).select_related("card", "purse").order_by("pk"))
        return orders[number % len(orders)] if orders else None

    def storm(self, step: Callable[[], Any], *refusals: type[Exception]) -> bool:
        """Take a step that may be refused or may not get an answer; what it began is not rolled back."""
        expected: tuple[type[Exception], ...] = (GatewayUnavailable, *refusals)
        try:
            step()
        except expected:
            return False
        finally:
            self.gateway.lost.clear()
        return True

    @rule(
        channel=st.sampled_from(["cash", "gateway"]),
        purse_kind=st.sampled_from(["chip", "chip", "account"]),
        amount_fen=amounts,
        paid=st.booleans(),
    )
    def ordered(self, channel: str, purse_kind: str, amount_fen: int, paid: bool) -> None:
        made = self.storm(
            lambda: make_order(card=self.card, channel=channel, purse_kind=purse_kind, amount_fen=amount_fen),
            BalanceLimitExceeded,
        )
        order = TopUpOrder.objects.order_by("pk").last()
        if not (made and paid) or order is None:
            return
        if channel == "cash":
            topup.receive_cash(order=order, actor=CLERK)
            self.cash_fen += amount_fen
        else:
            self.gateway.add(order.number, amount_fen)
            topup.poll_gateway_payment(order=order)

    @rule(amount_fen=amounts)
    def paid_at_the_counter(self, amount_fen: int) -> None:
        self.ordered("cash", "chip", amount_fen, paid=True)

    @precondition(some(channel="cash", state="init"))
    @rule(number=numbers)
    def cash_received(self, number: int) -> None:
        if (order := self.order(number, channel="cash")) is None:
            return
        unpaid = order.paid_at is None
        if self.storm(lambda: topup.receive_cash(order=order, actor=CLERK), IllegalOrderTransition):
            self.cash_fen += order.amount_fen if unpaid else 0

    @precondition(some(channel="gateway", state="init"))
    @rule(number=numbers, lost=losses)
    def payment_started(self, number: int, lost: list[str]) -> None:
        if order := self.order(number, channel="gateway", state=State.INIT):
            self.gateway.lost = lost
            self.storm(lambda: topup.start_gateway_payment(order=order))

    @precondition(asked_for("payments"))
    @rule(number=numbers)
    def payer_pays(self, number: int) -> None:
        if order := self.order(number, channel="gateway"):
            self.gateway.pay(order.number)

    @precondition(asked_for("payments"))
    @rule(number=numbers)
    def payment_called_back(self, number: int) -> None:
        paid = [p for p in self.gateway.payments.values() if p.status is PaymentStatus.SUCCEEDED]
        if paid:
            settle_payment(paid[number % len(paid)])

    @precondition(asked_for("refunds"))
    @rule(number=numbers)
    def refund_called_back(self, number: int) -> None:
        if known := list(self.gateway.refunds.values()):
            note_refund(known[number % len(known)])

    @precondition(some(state__in=["paid", "loaded"]))
    @rule(number=numbers)
    def given_back(self, number: int) -> None:
        if (order := self.order(number)) is None:
            return
        paid_cash = order.channel == "cash" and order.paid_at is not None
        if self.storm(
            lambda: topup.reverse_topup(order=order, actor=CLERK, reason=""), IllegalOrderTransition
        ):
            self.cash_fen -= order.amount_fen if paid_cash else 0

    @precondition(some(channel="gateway", state="init"))
    @rule(number=numbers, lost=losses)
    def cancelled(self, number: int, lost: list[str]) -> None:
        if order := self.order(number):
            self.gateway.lost = lost
            self.storm(lambda: cancel_topup(order=order, actor="citizen", reason=""))

    @precondition(some(purse__kind="chip", state__in=["paid", "loaded"]))
    @rule(number=numbers, tear=tears, forgets=st.booleans())
    def loaded(self, number: int, tear: Tear, forgets: bool) -> None:
        if order := self.order(number, purse__kind="chip", paid_at__isnull=number > 27):
            self.at_the_reader(
                tear,
                forgets,
                lambda **at: load_chip(order=order, **at),
                IllegalOrderTransition,
                BalanceLimitExceeded,
            )

    @precondition(some(purse__kind="chip", state__in=["paid", "loaded"]))
    @rule(tear=tears, forgets=st.booleans())
    def written_back(self, tear: Tear, forgets: bool) -> None:
        self.at_the_reader(tear, forgets, write_back)

    @precondition(some(purse__kind="chip", state__in=["paid", "loaded"]))
    @rule(apdu=st.integers(0, LOAD_APDUS), worked=st.booleans())
    def pulled(self, apdu: int, worked: bool) -> None:
        self.at_the_reader((apdu, worked), False, write_back)

    def at_the_reader(
        self, tear: Tear, forgets: bool, work: Callable[..., Any], *refusals: type[Exception]
    ) -> None:
        transport = TornAt(self.chip, tear, forgets)
        try:
            self.storm(
                lambda: work(transport=transport, terminal_no=COUNTER_NO, when=NOON, pin=PIN), *refusals
            )
        except (LoadUnfinished, TransportError):
            type(self).torn += 1

    @rule(wait=st.sampled_from([timedelta(), POLL_AFTER, EXPIRES_AFTER]), lost=losses)
    def repaired(self, wait: timedelta, lost: list[str]) -> None:
        self.now = max(self.now, timezone.now() + wait)
        self.gateway.lost = lost
        repair_topups(now=self.now)
        self.gateway.lost.clear()

    @precondition(some(gateway_refunds__state__in=["requested", "sent"]))
    @rule(status=st.sampled_from([RefundStatus.PENDING, RefundStatus.SUCCEEDED]), lost=losses)
    def refunds_sent(self, status: RefundStatus, lost: list[str]) -> None:
        self.now += ASK_AGAIN_AFTER
        self.gateway.refund_status, self.gateway.lost = status, lost
        send_gateway_refunds(now=self.now)
        self.gateway.lost.clear()

    @precondition(asked_for("refunds"))
    @rule(number=numbers)
    def refund_done(self, number: int) -> None:
        keys = list(self.gateway.refunds)
        self.gateway.settle_refund(keys[number % len(keys)], RefundStatus.SUCCEEDED)

    @rule()
    def matched(self) -> None:
        match_topups(shanghai(timezone.now()).date())

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "run"):
            return
        type(self).steps += 1
        if FULL or self.steps % 5 == 0:
            assert invariants.broken() == []
        under_way = TopUpOrder.objects.filter(state=State.LOADED).first()
        on_the_chip = self.chip.state.balance_fen - Purse.objects.get(card=self.card, kind="chip").balance_fen
        assert on_the_chip in (0, under_way.amount_fen if under_way else 0)

    def after_the_storm(self) -> None:
        self.gateway.refund_status = RefundStatus.SUCCEEDED
        for key in self.gateway.refunds:
            self.gateway.settle_refund(key, RefundStatus.SUCCEEDED)
        assert self.at_rest().left == 0
        assert TopUpOrder.objects.filter(state=State.LOADED).count() == 0
        assert not TopUpOrder.objects.filter(state=State.INIT, channel="gateway").exists()
        waiting = TopUpOrder.objects.filter(state=State.PAID)
        for order in waiting:  # no room on the chip: the money goes back
            topup.reverse_topup(order=order, actor=CLERK, reason="no room")
            self.cash_fen -= order.amount_fen if order.channel == "cash" else 0
        send_gateway_refunds(now=self.now + 2 * EXPIRES_AFTER)
        assert set(GatewayRefund.objects.values_list("state", flat=True)) <= {"succeeded"}
        assert invariants.broken() == []
        payments = self.gateway.payments.values()
        online_fen = sum(p.amount_fen for p in payments if p.status is PaymentStatus.SUCCEEDED)
        online_fen -= sum(refund.amount_fen for refund in self.gateway.refunds.values())
        purses = dict(Purse.objects.filter(card=self.card).values_list("kind", "balance_fen"))
        assert self.chip.state.balance_fen == purses["chip"]
        assert self.cash_fen + online_fen == sum(purses.values())
        match_topups(shanghai(timezone.now()).date())
        assert list(TopUpDifference.objects.filter(closed_at=None).values_list("kind", "subject")) == []

    def at_rest(self) -> Repaired:
        """One match, one repair after everything has expired, one visit of the card."""
        match_topups(shanghai(timezone.now()).date())
        outcome = repair_topups(now=timezone.now() + EXPIRES_AFTER)
        write_back(transport=MemoryTransport(self.chip), terminal_no=COUNTER_NO, when=NOON, pin=PIN)
        send_gateway_refunds(now=self.now + EXPIRES_AFTER)
        return outcome


def test_no_fen_is_lost_or_made(
    open_day: BusinessDay,
    demo_keys: KeyStore,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    TopUps.card, TopUps.issued = issued_card(demo_keys, account_limit_fen=50_000)
    TopUps.monkeypatch = monkeypatch
    run_state_machine_as_test(
        TopUps,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property("counted", f"top-up steps: {TopUps.steps}, cards torn away {TopUps.torn} times")
