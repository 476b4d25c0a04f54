"""Any order of payments, refunds, disputes, evidence, decisions, appeals, spending and time: no fen lost, no fen twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.models import CreditReturn, DisputedCharge, Payment, PaymentRefund, TopUpOrder
from accounts.services.payments import account_purse, refund_payment
from citizencard.core.errors import CitizenCardError
from settlement.models import Dispute
from settlement.selectors.audit import broken_invariants
from settlement.services.disputes import appeal_dispute, approve_decision, ask_evidence, settle_due
from tests.accounts.purses.filling import fill
from tests.factories import NOON
from tests.settlement.disputes.cases import BOSS, CLERK, HOLDER, THIRD, Holder, answered, decided, fen, opened

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("demo_keys")]
EXAMPLES, STEPS, FILLING = 8, 30, 1_000
numbers = st.integers(0, 9)
people = st.sampled_from([BOSS, THIRD, CLERK])


@dataclass
class Paid:
    row: Payment
    case: Dispute | None = None


class Cases(RuleBasedStateMachine):
    """One holder, one shop; each run is rolled back. Steps that a rule refuses change nothing, whatever the rule."""

    holder: ClassVar[Holder]
    steps: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        self.run = transaction.atomic()
        self.run.__enter__()
        self.now, self.filled, self.keys = NOON, FILLING, 0
        self.paid: list[Paid] = []

    def teardown(self) -> None:
        if hasattr(self, "run"):
            self.now += timedelta(days=120)
            for _ in range(2):
                settle_due(now=self.now)
                self.now += timedelta(days=60)
            assert not Dispute.objects.filter(closed_at=None).exists()
            assert broken_invariants() == []
            transaction.set_rollback(True)
            self.run.__exit__(None, None, None)

    def tried(self, step: Callable[[], Any]) -> Any:
        with suppress(CitizenCardError), transaction.atomic():
            return step()

    def one(self, number: int) -> Paid | None:
        return self.paid[number % len(self.paid)] if self.paid else None

    def case(self, number: int) -> Dispute | None:
        cases = [each.case for each in self.paid if each.case is not None]
        return cases[number % len(cases)] if cases else None

    def key(self) -> str:
        self.keys += 1
        return f"machine-{self.keys}"

    @rule(amount=st.integers(1, 400))
    def pay(self, amount: int) -> None:
        if row := self.tried(lambda: self.holder.pays(amount, self.key())):
            self.paid.append(Paid(row))

    @rule(amount=st.integers(1, 300))
    def fill(self, amount: int) -> None:
        fill(account_purse(self.holder.card), amount)
        self.filled += amount

    @rule(number=numbers, amount=st.integers(1, 400))
    def refund(self, number: int, amount: int) -> None:
        if paid := self.one(number):
            self.tried(
                lambda: refund_payment(
                    payment=paid.row,
                    amount_fen=amount,
                    key=self.key(),
                    actor="shop",
                    reason="",
                    occurred_at=NOON,
                )
            )

    @rule(number=numbers, amount=st.none() | st.integers(1, 400))
    def dispute(self, number: int, amount: int | None) -> None:
        if paid := self.one(number):
            made = self.tried(lambda: opened(paid.row, amount_fen=amount, now=self.now))
            assert made is None or paid.case is None
            paid.case = made or paid.case

    @rule(number=numbers, asked=st.booleans())
    def ask_or_answer(self, number: int, asked: bool) -> None:
        if case := self.case(number):
            self.tried(
                lambda: (
                    ask_evidence(dispute=case, actor=CLERK, now=self.now)
                    if asked
                    else answered(case, self.now)
                )
            )

    @rule(number=numbers, actor=people, outcome=st.sampled_from(["grant", "refuse", "refuse", "write_off"]),
          bearer=st.sampled_from(["", "merchant", "centre"]))  # fmt: skip
    def decide(self, number: int, actor: str, outcome: str, bearer: str) -> None:
        if case := self.case(number):
            self.tried(lambda: decided(case, outcome, actor, bearer, self.now))

    @rule(number=numbers, actor=people)
    def approve(self, number: int, actor: str) -> None:
        if (case := self.case(number)) and (waiting := case.decisions.filter(state="proposed").first()):
            self.tried(lambda: approve_decision(decision=waiting, actor=actor, now=self.now))

    @rule(number=numbers)
    def appeal(self, number: int) -> None:
        if case := self.case(number):
            self.tried(lambda: appeal_dispute(dispute=case, words="再看", actor=HOLDER, now=self.now))

    @rule(days=st.integers(1, 20))
    def nights(self, days: int) -> None:
        self.now += timedelta(days=days)
        assert settle_due(now=self.now).failed == 0

    @invariant()
    def no_fen_is_lost_and_none_comes_twice(self) -> None:
        if not hasattr(self, "run"):
            return
        type(self).steps += 1
        online = self.holder.online_fen
        assert online >= 0
        assert online + fen("2202.shop") - fen("1222") - fen("6711") == self.filled
        assert fen("2031") == 0
        back: dict[int, int] = {}
        for refund in PaymentRefund.objects.all():
            back[refund.payment_id] = back.get(refund.payment_id, 0) + refund.amount_fen
        for charge in DisputedCharge.objects.exclude(state="refused"):
            back[charge.source_id] = back.get(charge.source_id, 0) + charge.amount_fen
        assert all(back.get(each.row.pk, 0) <= each.row.amount_fen for each in self.paid)
        credits = TopUpOrder.objects.filter(channel="dispute")
        assert credits.count() == DisputedCharge.objects.exclude(order=None).count()
        assert sum(CreditReturn.objects.values_list("amount_fen", flat=True)) <= sum(
            credits.values_list("amount_fen", flat=True)
        )


def test_any_order_of_steps(lin: Holder, record_property: Callable[[str, object], None]) -> None:
    Cases.holder = lin
    run_state_machine_as_test(
        Cases,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property("counted", f"steps of disputes: {Cases.steps}")
