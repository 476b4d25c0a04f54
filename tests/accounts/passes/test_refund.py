"""Passes given back: the formula first, then the money, by the rule of the terms they were sold under."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import PassNotRefundable, QuoteOutdated
from accounts.models import Card, LedgerAccount, Pass
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import open_account
from accounts.services.pass_lapses import expire_passes
from accounts.services.pass_refunds import quote_pass_refund, refund_pass
from accounts.services.passes import use_pass
from citizencard.core.calendar import SHANGHAI
from citizencard.core.models import AuditEntry
from tests.factories import CLERK, NOON, make_card

pytestmark = pytest.mark.django_db
START = date(2026, 3, 2)
MONTH = {"kind": "monthly", "rides": None, "validity_days": None, "price_fen": 3_000}
"""From 2 March: 30 days, a yuan each."""


def fen(code: str) -> int:
    chart, _, owner = code.partition(".")
    return account_balance_fen(open_account(chart=chart, owner=owner).pk)


def give_back(sold: Pass, *, on: date = START) -> Pass:
    """Quote and refund at noon of a day."""
    sold = Pass.objects.select_related("product").get(pk=sold.pk)
    return refund_pass(
        card_pass=sold,
        quoted_fen=quote_pass_refund(sold, on=on).payable_fen,
        actor=CLERK,
        reason="moving away",
        occurred_at=datetime.combine(on, time(12), SHANGHAI),
    )


def ride(card: Card, bus: LedgerAccount, key: str) -> None:
    assert use_pass(card=card, channel="bus", payee=bus, fare_fen=200, key=key, occurred_at=NOON)


@translation.override("en")
def test_rides_not_taken_come_back_less_the_fee(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount
) -> None:
    sold = sell(refund_fee_fen=150, legal_basis="乘车月票办法第9条")
    for number in range(3):
        ride(card, bus, f"T1:{number}")
    quote = quote_pass_refund(Pass.objects.get(), on=START)
    assert [(line.label, line.amount_fen) for line in quote.lines] == [
        ("price", 1_000),
        ("3 of 10 rides", -300),
        ("refund fee", -150),
    ]
    assert (quote.payable_fen, quote.legal_basis) == (550, "乘车月票办法第9条")
    back = give_back(sold)
    assert (back.state, back.unused_fen, back.refunded_fen) == (Pass.State.REFUNDED, 0, 700)
    assert (fen("1011"), fen("2051"), fen("6003"), fen("2202.bus")) == (450, 0, 150, 300)
    assert AuditEntry.objects.filter(action="pass.refund", subject="pass:P1").count() == 1
    assert invariants.broken() == []


@translation.override("en")
def test_days_not_begun_come_back(sell: Callable[..., Pass]) -> None:
    sold = sell(**MONTH)
    quote = quote_pass_refund(sold, on=date(2026, 3, 11))
    assert [(line.label, line.amount_fen) for line in quote.lines] == [
        ("price", 3_000),
        ("10 of 30 days", -1_000),
    ]
    give_back(sold, on=date(2026, 3, 11))
    assert (fen("2204.bus"), fen("2051"), fen("1011")) == (1_000, 0, 1_000)
    assert invariants.broken() == []


def test_what_was_booked_of_time_is_not_taken_twice(sell: Callable[..., Pass]) -> None:
    sold = sell(kind="annual", rides=None, validity_days=365, price_fen=36_500)
    expire_passes(date(2026, 4, 1))
    give_back(sold, on=date(2026, 4, 9))
    assert (fen("2204.bus"), fen("1011")) == (3_900, 3_900)
    assert invariants.broken() == []


def test_a_pass_not_begun_comes_back_whole(sell: Callable[..., Pass]) -> None:
    sold = sell(**MONTH | {"starts_on": date(2026, 4, 1)})
    assert quote_pass_refund(sold, on=START).payable_fen == 3_000
    give_back(sold)
    assert (fen("1011"), fen("2051")) == (0, 0)


@translation.override("en")
def test_until_first_use_means_that(sell: Callable[..., Pass], card: Card, bus: LedgerAccount) -> None:
    sold = sell(refund="unused")
    assert quote_pass_refund(sold, on=START + timedelta(days=100)).payable_fen == 1_000
    ride(card, bus, "T1:1")
    with pytest.raises(PassNotRefundable) as refusal:
        quote_pass_refund(Pass.objects.get(), on=START)
    assert (str(refusal.value), refusal.value.rule) == (
        "The pass cannot be given back: it has been used.",
        "test",
    )


def test_what_is_not_refundable_or_over_is_not(sell: Callable[..., Pass]) -> None:
    with pytest.raises(PassNotRefundable):
        give_back(sell(refund="none"))
    over = sell(number="P2", code="short", validity_days=1)
    with pytest.raises(PassNotRefundable):
        give_back(over, on=START + timedelta(days=1))
    expire_passes(START + timedelta(days=1))
    with pytest.raises(PassNotRefundable):
        give_back(over)
    assert fen("1011") == 2_000


def test_a_ride_after_the_quote_makes_it_stale(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount
) -> None:
    sold = sell()
    quoted_fen = quote_pass_refund(sold, on=START).payable_fen
    ride(card, bus, "T1:1")
    with pytest.raises(QuoteOutdated) as refusal:
        refund_pass(card_pass=sold, quoted_fen=quoted_fen, actor=CLERK, reason="", occurred_at=NOON)
    assert refusal.value.data == {"quoted_fen": 1_000, "payable_fen": 900}
    assert fen("1011") == 1_000


def test_a_pass_is_given_back_once(sell: Callable[..., Pass], card: Card, bus: LedgerAccount) -> None:
    sold = sell()
    for _ in range(2):
        back = refund_pass(card_pass=sold, quoted_fen=1_000, actor=CLERK, reason="", occurred_at=NOON)
    assert back.state == Pass.State.REFUNDED
    assert (fen("1011"), fen("2051")) == (0, 0)
    assert use_pass(card=card, channel="bus", payee=bus, fare_fen=1, key="T1:1", occurred_at=NOON) is None
    assert sell(number="P2").state == Pass.State.ACTIVE  # and a new one may be bought


def test_a_fee_never_takes_more_than_is_left(sell: Callable[..., Pass]) -> None:
    sold = sell(**MONTH | {"refund_fee_fen": 500})
    assert quote_pass_refund(sold, on=date(2026, 3, 30)).payable_fen == 0
    give_back(sold, on=date(2026, 3, 30))
    assert (fen("1011"), fen("6003"), fen("2204.bus"), fen("2051")) == (3_000, 100, 2_900, 0)
    assert invariants.broken() == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    terms=st.fixed_dictionaries(
        {
            "price_fen": st.integers(10, 50_000),
            "rides": st.none() | st.integers(1, 10),
            "validity_days": st.integers(1, 400),
            "refund_fee_fen": st.integers(0, 10),
            "refund": st.sampled_from(["none", "unused", "pro_rata"]),
            "unused": st.sampled_from(["operator", "income"]),
        }
    ),
    steps=st.lists(st.sampled_from(["ride", "night", "month", "back"]), max_size=12),
)
def test_whatever_happens_the_price_is_shared_out_to_the_fen(
    sell: Callable[..., Pass], bus: LedgerAccount, terms: dict[str, object], steps: list[str]
) -> None:
    """Rides, nights, months and refunds in any order; the books hold after each step, and at last 2051 is empty."""
    number, card = f"P{Pass.objects.count()}", make_card()
    sold = sell(card=card, number=number, code=number, kind="annual", **terms)
    on, paid_fen, cash_fen = START, fen("2202.bus"), fen("1011")
    for place, step in enumerate(steps):
        if step == "ride":
            at = datetime.combine(on, time(12), SHANGHAI)
            use_pass(card=card, channel="bus", payee=bus, fare_fen=2, key=f"{number}:{place}", occurred_at=at)
        elif step == "back":
            with contextlib.suppress(PassNotRefundable):
                give_back(sold, on=on)
        else:
            on += timedelta(days=1 if step == "night" else 30)
            expire_passes(on)
        assert invariants.broken() == []
    expire_passes(sold.ends_on + timedelta(days=1))
    sold = Pass.objects.get(pk=sold.pk)
    assert sold.state != Pass.State.ACTIVE
    assert fen("2051") == 0
    assert 0 <= cash_fen - fen("1011") <= sold.refunded_fen <= sold.price_fen
    assert 0 <= fen("2202.bus") - paid_fen <= sold.price_fen
    assert invariants.broken() == []
