"""Any order of top-ups, late taps, requests, days, approvals, gateway answers and repeats: the books stay right.

The model keeps what the holder put in and took out. What is paid back is never more than that, to the fen.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
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

from accounts.errors import CardTampered
from accounts.gateway.port import RefundStatus
from accounts.models import Card, Purse, Refund, RefundPart, TopUpOrder
from accounts.selectors import invariants
from accounts.services.incidents import clear_flag
from accounts.services.refund_payout import (
    confirm_bank_payout,
    follow_gateway_refunds,
    return_bank_payout,
)
from accounts.services.refund_waiting import advance_refunds
from accounts.services.refunds import approve_refund, withdraw_refund
from citizencard.core.keyservice.keystore import KeyStore
from tests.accounts.refunds.stories import (
    OFFICER,
    ask,
    fen,
    fresh,
    gateway_says,
    named_card,
    pay_online,
    purse_fen,
    shown,
    tap,
)
from tests.factories import CLERK, NOON
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
AMOUNTS = st.integers(1, 3_000)
DEPOSIT_FEN = 1_000


class RefundMachine(RuleBasedStateMachine):
    """Real-name cards with both purses, one after another; a chip is honest until it is tampered with."""

    keys: KeyStore

    @initialize(fee_fen=st.integers(0, 300), start_fen=st.integers(0, 5_000))
    def begin(self, fee_fen: int, start_fen: int) -> None:
        self.savepoint = transaction.savepoint()
        self.field = Field.install(self.keys)
        self.fee_fen, self.now, self.cards = fee_fen, NOON, list[Card]()
        self.put_in = self.spent = 0
        self.take_card(start_fen)

    def take_card(self, start_fen: int) -> None:
        self.card = named_card(start_fen, product={"code": "machine"}, fee_fen=self.fee_fen)
        self.cards.append(self.card)
        self.chip_fen, self.atc = start_fen, 0
        self.pocketed: list[tuple[int, int]] = []
        self.put_in += start_fen + DEPOSIT_FEN

    @property
    def refund(self) -> Refund | None:
        return Refund.objects.filter(card=self.card).order_by("-pk").first()

    def is_refund(self, *states: str) -> bool:
        return self.refund is not None and self.refund.state in states

    @precondition(lambda self: self.is_refund("paid"))
    @rule(start_fen=st.integers(0, 5_000))
    def next_card(self, start_fen: int) -> None:
        self.take_card(start_fen)

    @precondition(lambda self: fresh(self.card).state == Card.State.ACTIVE)
    @rule(amount_fen=AMOUNTS)
    def top_up_online(self, amount_fen: int) -> None:
        pay_online(self.card, amount_fen)
        self.put_in += amount_fen

    @precondition(lambda self: self.chip_fen)
    @rule(amount_fen=AMOUNTS, is_uploaded=st.booleans())
    def ride(self, amount_fen: int, is_uploaded: bool) -> None:
        """The chip pays at once; the terminal may keep it for later."""
        paid_fen = min(amount_fen, self.chip_fen)
        self.chip_fen -= paid_fen
        self.pocketed.append((self.atc, paid_fen))
        self.atc += 1
        if is_uploaded:
            self.upload(-1)

    @precondition(lambda self: self.pocketed)
    @rule(which=st.integers(0, 20))
    def upload(self, which: int) -> None:
        atc, amount_fen = self.pocketed.pop(which % len(self.pocketed))
        before = purse_fen(self.card)
        tap(self.field, self.card, atc, amount_fen, occurred_at=NOON - timedelta(hours=1))
        self.spent += before - purse_fen(self.card)

    @precondition(lambda self: not self.is_refund("paid", "approved", "failed"))
    @rule(raised_fen=st.sampled_from([0, 0, 0, 0, 1, 700]), is_read=st.booleans())
    def request(self, raised_fen: int, is_read: bool) -> None:
        reading = shown(self.chip_fen + raised_fen, self.atc, self.now) if is_read else None
        gap_fen = sum(amount_fen for _, amount_fen in self.pocketed)
        is_new = not self.is_refund("requested", "cooling", "due")
        try:
            asked = ask(self.card, chip=reading, payee="acct_1", occurred_at=self.now)
        except CardTampered:
            flag = self.card.flags.get(cleared_at=None)
            clear_flag(flag=flag, actor=OFFICER, reason="looked into")
            return
        if is_new:
            assert (asked.state == "refused") == (is_read and raised_fen > gap_fen)

    @precondition(lambda self: self.is_refund("requested", "cooling", "due"))
    @rule(days=st.sampled_from([1, 7, 9]), is_given_up=st.sampled_from([False, False, False, True]))
    def wait_and_decide(self, days: int, is_given_up: bool) -> None:
        self.now += timedelta(days=days)
        advance_refunds(now=self.now)
        refund = self.refund
        assert refund is not None
        if is_given_up and refund.state in Refund.BLOCKING:
            withdraw_refund(refund=refund, actor=CLERK, reason="keeps it", occurred_at=self.now)
        elif refund.state == "due":
            books_fen = purse_fen(self.card) + purse_fen(self.card, "account")
            approved = approve_refund(refund=refund, actor=OFFICER, occurred_at=self.now)
            assert approved.state == "refused" or approved.balance_fen == books_fen

    @precondition(lambda self: self.refund and self.refund.parts.filter(method="gateway").exists())
    @rule(which=st.integers(0, 20), succeeds=st.booleans())
    def gateway_answers(self, which: int, succeeds: bool) -> None:
        """Also again, and otherwise than before: a refund may come back after it has succeeded."""
        parts = list(RefundPart.objects.filter(method="gateway").order_by("pk"))
        status = RefundStatus.SUCCEEDED if succeeds else RefundStatus.FAILED
        gateway_says(parts[which % len(parts)], status)
        follow_gateway_refunds(now=self.now)

    @precondition(lambda self: self.refund and self.refund.parts.filter(method="bank").exists())
    @rule(which=st.integers(0, 20), times=st.integers(1, 2))
    def bank_pays(self, which: int, times: int) -> None:
        parts = list(RefundPart.objects.filter(method="bank").exclude(state="failed").order_by("pk"))
        for _ in range(times):
            confirm_bank_payout(
                part=parts[which % len(parts)], actor="bank", reference="B", occurred_at=self.now
            )

    @precondition(lambda self: self.refund and self.refund.parts.filter(method="bank", state="paid").exists())
    @rule(times=st.integers(1, 2))
    def bank_returns(self, times: int) -> None:
        part = RefundPart.objects.filter(method="bank", state="paid").latest("pk")
        for _ in range(times):
            return_bank_payout(part=part, actor="bank", reason="account closed", occurred_at=self.now)

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "card"):
            return
        with connection.cursor() as cursor:  # what is checked at the end of a transaction, after every step
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        paid_online = TopUpOrder.objects.exclude(paid_at=None).values_list("amount_fen", flat=True)
        paid_out = sum(paid_online) - fen("1012") - fen("1001")
        in_purses = sum(Purse.objects.filter(card__in=self.cards).values_list("balance_fen", flat=True))
        assert self.put_in == self.spent + in_purses + fen("2021") + fen("2032") + paid_out + fen("6003")
        waiting = RefundPart.objects.filter(state="waiting").values_list("amount_fen", flat=True)
        assert fen("2032") == sum(waiting)
        assert all(flag >= 0 for flag in (paid_out, fen("2021"), in_purses))

    def teardown(self) -> None:
        assert invariants.broken() == []
        transaction.savepoint_rollback(self.savepoint)


@pytest.mark.slow
def test_any_order_of_things_keeps_the_books_right(demo_keys: KeyStore) -> None:
    RefundMachine.keys = demo_keys
    run_state_machine_as_test(
        RefundMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
