"""Back to the original payer, in cash, by the bank; what comes back is paid once more, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import IllegalRefundTransition, PayeeMissing
from accounts.gateway.port import RefundStatus
from accounts.models import Card, GatewayRefund, Refund, RefundPart, TopUpOrder
from accounts.selectors import invariants
from accounts.selectors.refunds import bank_payouts
from accounts.services.gateway_refunds import request_gateway_refund
from accounts.services.refund_payout import (
    allocate,
    confirm_bank_payout,
    follow_gateway_refunds,
    name_payee,
    pay_refund_in_cash,
    return_bank_payout,
)
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.models import AuditEntry
from tests.accounts.refunds.stories import (
    LATER,
    anonymous_card,
    approved,
    fen,
    gateway_says,
    named_card,
    parts,
    pay_online,
    shown,
)
from tests.factories import CLERK

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = Refund.State


def part(refund: Refund, method: str) -> RefundPart:
    return refund.parts.filter(method=method).latest("pk")


def by_bank(refund: Refund, **changes: Any) -> Refund:
    values: dict[str, Any] = {"actor": "bank", "reference": "B-1", "occurred_at": LATER} | changes
    return confirm_bank_payout(part=part(refund, "bank"), **values)


def current(refund: Refund) -> Refund:
    return Refund.objects.get(pk=refund.pk)


@pytest.fixture
def online(open_day: object) -> Refund:
    """30 and 20 yuan paid online, nothing on the chip, deposit 10: approved, to the bank what the gateway does not bring."""
    card = named_card(0)
    pay_online(card, 3_000)
    pay_online(card, 2_000)
    return approved(card, payee="acct_1")


def test_the_newest_payment_goes_back_first(online: Refund) -> None:
    orders = list(online.parts.order_by("pk").values_list("order__amount_fen", "amount_fen"))
    assert orders == [(2_000, 2_000), (3_000, 3_000), (None, 1_000)]
    assert parts(online)[2] == ("bank", 1_000, "waiting")
    asked = GatewayRefund.objects.values_list("key", "amount_fen", "cause", "state")
    assert set(asked) == {
        (p.key, p.amount_fen, "refund", "requested") for p in online.parts.exclude(order=None)
    }


def test_a_refund_is_paid_when_every_part_is(online: Refund) -> None:
    for each in online.parts.filter(method="gateway"):
        gateway_says(each, RefundStatus.SUCCEEDED)
    assert [follow_gateway_refunds(now=LATER), follow_gateway_refunds(now=LATER)] == [2, 0]
    assert (current(online).state, fen("2032")) == (State.APPROVED, 1_000)
    paid = by_bank(online)
    assert (paid.state, paid.paid_at, fen("2032")) == (State.PAID, LATER, 0)
    assert (fen("1012"), fen("1001")) == (0, -1_000)
    assert invariants.broken() == []


def test_what_was_spent_is_not_refunded_to_its_payer() -> None:
    """A gateway payment gets back at most what is left of it, and what was given back before is left out."""
    card = named_card(0, product={"deposit_fen": 0})
    older = pay_online(card, 3_000)
    newer = pay_online(card, 2_000)
    request_gateway_refund(order=newer, amount_fen=500, key="goodwill", cause="reversal", actor=CLERK)
    refund = approved(card, payee="acct_1")
    assert list(refund.parts.order_by("pk").values_list("order_id", "amount_fen")) == [
        (newer.pk, 1_500),
        (older.pk, 3_000),
        (None, 500),
    ]


def test_deposit_and_price_were_paid_in_cash_and_do_not_go_to_the_gateway() -> None:
    card = named_card(0)
    pay_online(card, 500)
    assert parts(approved(card, payee="acct_1")) == [("gateway", 500, "waiting"), ("bank", 1_000, "waiting")]


def test_a_refused_gateway_refund_falls_to_the_bank(online: Refund) -> None:
    first = online.parts.filter(method="gateway").order_by("pk")[0]
    gateway_says(first, RefundStatus.FAILED, "expired_or_canceled_card")
    assert [follow_gateway_refunds(now=LATER), follow_gateway_refunds(now=LATER)] == [1, 0]
    first.refresh_from_db()
    assert (first.state, first.failure) == ("failed", "expired_or_canceled_card")
    assert (current(online).state, parts(online)[-1]) == (State.FAILED, ("bank", 2_000, "waiting"))
    assert fen("2032") == 6_000
    assert invariants.broken() == []


def test_a_gateway_refund_that_came_back_after_all_is_paid_by_the_bank() -> None:
    card = named_card(0, product={"deposit_fen": 0})
    pay_online(card, 3_000)
    refund = approved(card, payee="acct_1")
    gateway_says(part(refund, "gateway"), RefundStatus.SUCCEEDED)
    follow_gateway_refunds(now=LATER)
    assert (current(refund).state, fen("2032")) == (State.PAID, 0)
    gateway_says(part(refund, "gateway"), RefundStatus.FAILED, "account closed")
    assert follow_gateway_refunds(now=LATER) == 1
    assert (current(refund).state, current(refund).paid_at, fen("2032")) == (State.FAILED, None, 3_000)
    assert by_bank(refund).state == State.PAID
    assert fen("2032") == 0
    assert invariants.broken() == []


def test_cash_is_handed_out_once(card: Card) -> None:
    refund = approved(card, chip=shown(10_000))
    before = fen("1011")
    for _ in range(2):
        assert pay_refund_in_cash(refund=refund, actor=CLERK, occurred_at=LATER).state == State.PAID
    assert (before - fen("1011"), fen("2032")) == (11_000, 0)
    assert AuditEntry.objects.filter(action="refund.pay").count() == 1


def test_no_cash_where_there_is_no_cash_part(online: Refund) -> None:
    with pytest.raises(IllegalRefundTransition):
        pay_refund_in_cash(refund=online, actor=CLERK, occurred_at=LATER)


def test_the_bank_confirms_once(online: Refund) -> None:
    by_bank(online)
    by_bank(online)
    assert fen("1001") == -1_000
    with pytest.raises(Conflict):
        by_bank(online, reference="B-2")
    with pytest.raises(Conflict):
        confirm_bank_payout(part=part(online, "gateway"), actor="bank", reference="B-1", occurred_at=LATER)


def test_what_the_bank_returns_is_paid_again(online: Refund) -> None:
    by_bank(online)
    first = part(online, "bank")
    for _ in range(2):
        back = return_bank_payout(part=first, actor="bank", reason="account closed", occurred_at=LATER)
        assert back.state == State.FAILED
    assert (fen("1001"), fen("2032")) == (0, 6_000)
    with pytest.raises(Conflict):
        confirm_bank_payout(part=first, actor="bank", reference="B-1", occurred_at=LATER)
    by_bank(online, reference="B-2")
    assert (fen("1001"), part(online, "bank").state) == (-1_000, "paid")
    assert invariants.broken() == []


def test_only_what_was_paid_comes_back(online: Refund) -> None:
    for method in ("bank", "gateway"):
        with pytest.raises(Conflict):
            return_bank_payout(part=part(online, method), actor="bank", reason="x", occurred_at=LATER)


def test_a_part_that_falls_to_the_bank_needs_a_payee() -> None:
    card = named_card(0, product={"deposit_fen": 0})
    pay_online(card, 3_000)
    refund = approved(card)
    gateway_says(part(refund, "gateway"), RefundStatus.FAILED)
    follow_gateway_refunds(now=LATER)
    assert [p.amount_fen for p in bank_payouts()] == [3_000]
    with pytest.raises(PayeeMissing):
        by_bank(refund)
    with pytest.raises(InvalidField):
        name_payee(refund=refund, payee="6222021234567890123", actor=CLERK)
    name_payee(refund=refund, payee="acct_2", actor=CLERK)
    assert by_bank(refund).state == State.PAID
    assert list(bank_payouts()) == []


def test_an_anonymous_card_is_paid_in_cash() -> None:
    refund = approved(anonymous_card(2_500), chip=shown(2_500))
    assert parts(refund) == [("cash", 3_500, "waiting")]


@given(
    st.integers(0, 10_000),
    st.lists(st.integers(0, 3_000), max_size=8),
)
def test_shares_never_pass_what_a_payment_has_left(amount_fen: int, available: list[int]) -> None:
    """The newest are emptied first, and together they give what there is."""
    sources = [(TopUpOrder(pk=n), fen) for n, fen in enumerate(available)]
    shares = {order.pk: fen for order, fen in allocate(amount_fen, sources)}
    assert sum(shares.values()) == min(amount_fen, sum(available))
    assert all(0 < share <= available[n] for n, share in shares.items())
    used = [n for n in range(len(available)) if available[n]]
    emptied = [n for n in used if shares.get(n, 0) == available[n]]
    assert emptied == used[: len(emptied)]
