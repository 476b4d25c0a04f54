"""Rides on passes: before the purse, each once, all of them worth the price to the fen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, LedgerAccount, Pass, PassProduct, PassUse, Transfer
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import cards
from accounts.services.ledger import open_account
from accounts.services.passes import use_pass
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import Conflict
from tests.factories import CLERK, NOON, make_card

pytestmark = pytest.mark.django_db


def ride(
    card: Card,
    payee: LedgerAccount,
    key: str,
    *,
    channel: str = "bus",
    at: datetime = NOON,
    fare_fen: int = 200,
) -> PassUse | None:
    return use_pass(card=card, channel=channel, payee=payee, fare_fen=fare_fen, key=key, occurred_at=at)


def passes_fen() -> int:
    return account_balance_fen(open_account(chart="2051").pk)


def test_a_ride_pays_its_share_to_who_carries(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount
) -> None:
    sold = sell()
    use = ride(card, bus, "T1:1")
    assert use is not None
    assert (use.card_pass, use.value_fen, use.fare_fen) == (sold, 100, 200)
    sold = Pass.objects.get()
    assert (sold.rides_left, sold.unused_fen) == (9, 900)
    assert (account_balance_fen(bus.pk), passes_fen()) == (100, 900)
    assert invariants.broken() == []


def test_a_ride_is_taken_once(sell: Callable[..., Pass], card: Card, bus: LedgerAccount) -> None:
    sell()
    assert ride(card, bus, "T1:1") == ride(card, bus, "T1:1")
    assert Pass.objects.get().rides_left == 9
    for other in ({"fare_fen": 1}, {"at": NOON + timedelta(seconds=1)}, {"channel": "metro"}):
        with pytest.raises(Conflict):
            ride(card, bus, "T1:1", **other)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        ride(make_card(), bus, "T1:1")


def test_the_last_ride_asked_for_again_is_that_ride(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount
) -> None:
    sell(rides=1)
    first = ride(card, bus, "T1:1")
    assert first is not None
    assert Pass.objects.get().state == Pass.State.USED_UP
    assert ride(card, bus, "T1:1") == first
    assert ride(card, bus, "T1:2") is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rides=st.integers(1, 12))
def test_all_rides_together_are_the_price(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount, data: st.DataObject, rides: int
) -> None:
    """By largest remainder: shares differ by a fen at most, the larger ones first, and nothing is left."""
    price_fen = data.draw(st.integers(rides, 5_000))
    number = f"P{Pass.objects.count()}"
    sell(number=number, code=number, price_fen=price_fen, rides=rides)
    uses = [ride(card, bus, f"{number}:{n}") for n in range(rides)]
    share, larger = divmod(price_fen, rides)
    assert [use and use.value_fen for use in uses] == [share + 1] * larger + [share] * (rides - larger)
    sold = Pass.objects.get(number=number)
    assert (sold.state, sold.unused_fen, sold.rides_left) == (Pass.State.USED_UP, 0, 0)
    assert ride(card, bus, f"{number}:more") is None
    assert passes_fen() == 0
    assert invariants.broken() == []


def test_the_pass_that_ends_first_then_the_fewest_rides(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount
) -> None:
    sell(number="long", code="long", validity_days=200)
    sell(number="many", code="many", validity_days=100, rides=20)
    sell(number="few", code="few", validity_days=100, rides=2)
    sell(number="any", code="any", validity_days=100, rides=None, kind="annual")
    taken = [ride(card, bus, f"T1:{n}") for n in range(24)]
    numbers = [use and use.card_pass.number for use in taken]
    assert numbers == ["few"] * 2 + ["many"] * 20 + ["any"] * 2


def test_where_and_when_a_pass_is_good(sell: Callable[..., Pass], card: Card, bus: LedgerAccount) -> None:
    sell(starts_on=date(2026, 3, 3), validity_days=2, channels=["bus", "metro"])
    nights = [
        datetime(2026, 3, day, hour, 59, 59, tzinfo=SHANGHAI) for day, hour in [(2, 23), (4, 23), (5, 0)]
    ]
    days = [datetime(2026, 3, day, tzinfo=SHANGHAI) for day in (3, 5)]
    good = [ride(card, bus, f"T1:{at}", at=at) is not None for at in [*nights, *days]]
    assert good == [False, True, False, True, False]
    at = datetime(2026, 3, 3, 8, tzinfo=SHANGHAI)
    assert ride(card, bus, "T2:1", channel="metro", at=at) is not None
    assert ride(card, bus, "T2:2", channel="park", at=at) is None


def test_a_lost_card_rides_on_nothing(sell: Callable[..., Pass], card: Card, bus: LedgerAccount) -> None:
    sell()
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    assert ride(card, bus, "T1:1") is None


def test_rides_of_any_number_move_no_money(sell: Callable[..., Pass], card: Card, bus: LedgerAccount) -> None:
    sell(kind="monthly", rides=None, validity_days=None)
    uses = [ride(card, bus, f"T1:{n}") for n in range(5)]
    assert [use and use.value_fen for use in uses] == [0] * 5
    assert (account_balance_fen(bus.pk), passes_fen()) == (0, 1_000)
    assert Transfer.objects.filter(kind=Transfer.Kind.PASS_USED).count() == 0


def test_a_ride_takes_few_statements(sell: Callable[..., Pass], card: Card, bus: LedgerAccount) -> None:
    sell()
    ride(card, bus, "T1:0")
    with CaptureQueriesContext(connection) as captured:
        ride(card, bus, "T1:1")
    work = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(work) <= 5, work
    with CaptureQueriesContext(connection) as captured:
        ride(make_card(), bus, "T1:2")
    assert sum("accounts_pass" in query["sql"] for query in captured) == 3


def test_no_product_no_pass(card: Card, bus: LedgerAccount, publish: Callable[..., PassProduct]) -> None:
    publish()
    assert ride(card, bus, "T1:1") is None
