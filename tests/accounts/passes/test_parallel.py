"""Many at once on one pass: never more rides than it has, none paid twice, none lost. Real threads, real transactions."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError

from accounts.errors import PassAlreadyRunning, PassNotRefundable, QuoteOutdated
from accounts.models import Card, LedgerAccount, Pass, PassProduct, PassUse, Payment
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import open_account
from accounts.services.pass_lapses import expire_passes
from accounts.services.pass_refunds import refund_pass
from accounts.services.passes import use_pass
from accounts.services.rides import ride_online
from tests.accounts.passes.wallet import fill_account, make_wallet
from tests.accounts.threads import in_threads, waits_for
from tests.factories import CLERK, NOON

pytestmark = pytest.mark.django_db(transaction=True)
RIDERS = 50
RIDES = 10


def ride(card: Card, bus: LedgerAccount, key: str) -> PassUse | None:
    return use_pass(card=card, channel="bus", payee=bus, fare_fen=200, key=key, occurred_at=NOON)


def test_fifty_on_a_pass_of_ten(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount, record_property: Callable[[str, object], None]
) -> None:
    sell(price_fen=1_003)
    open_account(chart="2051")
    uses = [use for use in in_threads(RIDERS, lambda n: ride(card, bus, f"T{n}:1")) if use is not None]
    assert len(uses) == PassUse.objects.count() == RIDES
    assert sum(use.value_fen for use in uses) == account_balance_fen(bus.pk) == 1_003
    assert Pass.objects.get().state == Pass.State.USED_UP
    assert invariants.broken() == []
    record_property("counted", f"passes: {RIDERS} riders at once on {RIDES} rides took {len(uses)}")


def test_the_control_that_reads_before_it_writes_gives_rides_away(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount
) -> None:
    sold = sell()

    def naive(_: int) -> bool:
        left = Pass.objects.get(pk=sold.pk).rides_left or 0
        time.sleep(0.01)
        return bool(left and Pass.objects.filter(pk=sold.pk).update(rides_left=left - 1))

    answers = in_threads(RIDERS, naive, IntegrityError)
    given = sum(answer is True for answer in answers)
    taken = RIDES - (Pass.objects.get().rides_left or 0)
    assert given > taken


def test_riders_go_on_to_the_next_pass(sell: Callable[..., Pass], card: Card, bus: LedgerAccount) -> None:
    sell(number="first", code="first", rides=3, validity_days=10)
    sell(number="second", code="second", rides=4, validity_days=20)
    uses = in_threads(12, lambda n: ride(card, bus, f"T{n}:1"))
    assert sum(use is not None for use in uses) == 7
    assert invariants.broken() == []


@pytest.mark.parametrize("rides", [1, 5])
def test_one_ride_reported_many_times_at_once(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount, rides: int
) -> None:
    """With one ride left, too: who comes too late for it finds the ride it was, not an empty pass."""
    sell(rides=rides)
    uses = in_threads(12, lambda _: ride(card, bus, "T1:1"))
    assert {use and use.pk for use in uses} == {PassUse.objects.get().pk}
    assert Pass.objects.get().rides_left == rides - 1
    assert invariants.broken() == []


def test_pass_and_purse_pay_a_ride_once(sell: Callable[..., Pass], bus: LedgerAccount, card: Card) -> None:
    wallet = make_wallet()
    fill_account(wallet, 1_000)
    sell(card=wallet, rides=2)

    def go(number: int) -> object:
        return ride_online(
            card=wallet,
            channel="bus",
            payee=bus,
            fare_fen=200,
            key=f"QR:{number // 2}",
            actor="qr",
            occurred_at=NOON,
        )

    paid = in_threads(12, go)  # six rides, each sent twice: two on the pass, four from the purse
    assert len(set(paid)) == 6
    assert account_balance_fen(bus.pk) == 1_000 + 4 * 200
    assert invariants.broken() == []


def test_a_ride_under_way_is_not_taken_from_a_pass_bought_meanwhile(
    sell: Callable[..., Pass], publish: Callable[..., PassProduct], bus: LedgerAccount
) -> None:
    publish()
    wallet = make_wallet()
    fill_account(wallet, 1_000)

    def go() -> object:
        return ride_online(
            card=wallet, channel="bus", payee=bus, fare_fen=200, key="QR:1", actor="qr", occurred_at=NOON
        )

    def buy_and_go() -> object:
        sell(card=wallet)
        return go()

    assert waits_for(go, buy_and_go) == Payment.objects.get()
    assert not PassUse.objects.exists()


def test_rides_refund_and_the_night_at_once(
    sell: Callable[..., Pass], card: Card, bus: LedgerAccount
) -> None:
    sold = sell(validity_days=1)

    def work(number: int) -> object:
        if number == 0:
            return expire_passes(sold.ends_on + timedelta(days=1))
        if number < 4:
            return refund_pass(card_pass=sold, quoted_fen=1_000, actor=CLERK, reason="", occurred_at=NOON)
        return ride(card, bus, f"T{number}:1")

    in_threads(16, work, QuoteOutdated, PassNotRefundable)
    assert invariants.broken() == []
    assert Pass.objects.get().state != Pass.State.ACTIVE


def test_two_counters_sell_the_same_pass(
    sell: Callable[..., Pass], publish: Callable[..., PassProduct]
) -> None:
    publish()
    sold = in_threads(4, lambda n: sell(number=f"P{n}"), PassAlreadyRunning)
    assert [type(item) for item in sold].count(Pass) == 1
    again = in_threads(4, lambda _: sell(number="last", starts_on=NOON.date() + timedelta(days=400)))
    assert {item.number for item in again} == {"last"}
    assert invariants.broken() == []
