"""Time takes its part of passes, and never gives it to a purse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import tasks
from accounts.models import Card, LedgerAccount, Pass, PassLapse, Purse, Transfer
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import pass_lapses
from accounts.services.ledger import open_account
from accounts.services.pass_lapses import expire_passes
from accounts.services.passes import use_pass
from citizencard.core.calendar import SHANGHAI
from tests.factories import NOON, make_card

pytestmark = pytest.mark.django_db
START = date(2026, 3, 2)


def fen(code: str) -> int:
    chart, _, owner = code.partition(".")
    return account_balance_fen(open_account(chart=chart, owner=owner).pk)


def test_rides_never_taken_go_by_the_rule_and_into_no_purse(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount
) -> None:
    sold = sell(validity_days=10)
    sell(number="P2", card=make_card(), code="income", validity_days=10, unused="income", price_fen=700)
    use_pass(card=card, channel="bus", payee=bus, fare_fen=200, key="T1:1", occurred_at=NOON)
    assert expire_passes(sold.ends_on) == 0
    assert expire_passes(sold.ends_on + timedelta(days=1)) == 2
    assert {item.state for item in Pass.objects.all()} == {Pass.State.EXPIRED}
    assert (fen("2202.bus"), fen("2204.bus"), fen("6003")) == (100, 900, 700)
    assert fen("2051") == 0
    assert set(Purse.objects.values_list("balance_fen", "movements")) == {(0, 0)}
    assert expire_passes(sold.ends_on + timedelta(days=1)) == 0
    assert use_pass(card=card, channel="bus", payee=bus, fare_fen=200, key="T1:2", occurred_at=NOON) is None
    assert invariants.broken() == []


def test_an_annual_pass_is_earned_month_by_month(sell: Callable[..., Pass]) -> None:
    sold = sell(kind="annual", rides=None, validity_days=365, price_fen=36_500)
    assert expire_passes(date(2026, 3, 31)) == 0
    for on, earned_fen in [
        (date(2026, 4, 1), 3_000),  # 2 to 31 March: 30 days
        (date(2026, 4, 30), 3_000),
        (date(2026, 5, 3), 6_000),
        (date(2026, 8, 1), 15_200),  # two months at once after a pause
        (sold.ends_on, 36_400),  # to 28 February 2027, its last day but one
        (sold.ends_on + timedelta(days=1), 36_500),
    ]:
        expire_passes(on)
        assert (fen("2204.bus"), fen("2051")) == (earned_fen, 36_500 - earned_fen), on
        assert expire_passes(on) == 0
    assert Pass.objects.get().state == Pass.State.EXPIRED
    assert invariants.broken() == []


def test_time_is_the_operators_whoever_gets_rides_never_taken(sell: Callable[..., Pass]) -> None:
    sold = sell(kind="annual", rides=None, validity_days=365, unused="income")
    expire_passes(sold.ends_on + timedelta(days=1))
    assert (fen("2204.bus"), fen("6003")) == (1_000, 0)


def test_a_month_whose_share_is_nothing_ends_all_the_same(sell: Callable[..., Pass]) -> None:
    sold = sell(kind="annual", rides=None, validity_days=365, price_fen=1)
    assert expire_passes(date(2026, 4, 1)) == 0
    assert expire_passes(sold.ends_on + timedelta(days=1)) == 1
    assert fen("2204.bus") == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price_fen=st.integers(1, 100_000),
    days=st.integers(1, 400),
    nights=st.lists(st.integers(0, 450), max_size=8).map(sorted),
)
def test_time_takes_exactly_the_price(
    sell: Callable[..., Pass], price_fen: int, days: int, nights: list[int]
) -> None:
    """Whenever the nightly run came: never more than the days gone by, and at last everything."""
    before_fen = fen("2204.bus")
    number = f"P{Pass.objects.count()}"
    sold = sell(
        number=number, code=number, kind="annual", rides=None, validity_days=days, price_fen=price_fen
    )
    for night in nights:
        expire_passes(START + timedelta(days=night))
        earned_fen = fen("2204.bus") - before_fen
        assert 0 <= earned_fen <= price_fen * min(night, days) // days
    expire_passes(sold.ends_on + timedelta(days=1))
    assert fen("2204.bus") - before_fen == price_fen
    assert invariants.broken() == []


def test_the_statements_do_not_grow_with_the_passes(
    sell: Callable[..., Pass], monkeypatch: pytest.MonkeyPatch
) -> None:
    def expire(count: int, on: date) -> int:
        for number in range(count):
            sell(number=f"{on}:{number}", card=make_card(), validity_days=1)
        with CaptureQueriesContext(connection) as captured:
            assert expire_passes(on) == count
        return len(captured)

    expire(1, START + timedelta(days=1))  # opens the accounts
    assert expire(1, START + timedelta(days=2)) == expire(30, START + timedelta(days=3))
    monkeypatch.setattr(pass_lapses, "LAPSES_MAX", 2)
    for number in range(5):
        sell(number=f"more:{number}", card=make_card(), validity_days=1)
    assert expire_passes(START + timedelta(days=4)) == 2
    assert tasks.expire_passes((START + timedelta(days=4)).isoformat()) == 3
    assert tasks.expire_passes() == 0


def test_a_lapse_is_dated_at_the_midnight_it_came(sell: Callable[..., Pass]) -> None:
    sell(validity_days=1)
    expire_passes(START + timedelta(days=1))
    lapsed = Transfer.objects.get(kind=Transfer.Kind.PASS_EXPIRED)
    assert lapsed.occurred_at == datetime(2026, 3, 3, tzinfo=SHANGHAI)
    assert lapsed.source_id == PassLapse.objects.get().pk
