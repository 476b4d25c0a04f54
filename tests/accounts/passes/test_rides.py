"""Online rides: the pass first, then the account purse; passes bought from the purse, which never come back into it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.errors import CardNotActive, NoAccountPurse, PassNotRefundable, PurseFloorReached
from accounts.models import Card, LedgerAccount, Pass, PassProduct, PassUse, Payment, Purse
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import cards
from accounts.services.ledger import open_account
from accounts.services.passes import sell_pass
from accounts.services.payments import refund_payment
from accounts.services.rides import ride_online
from citizencard.core.errors import Conflict
from tests.accounts.passes.wallet import fill_account, make_wallet
from tests.factories import CLERK, NOON, make_card

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


@pytest.fixture
def wallet() -> Card:
    """A real-name card with 20 yuan in its account purse."""
    card = make_wallet()
    fill_account(card, 2_000)
    return card


def ride(card: Card, bus: LedgerAccount, key: str, fare_fen: int = 200) -> PassUse | Payment:
    return ride_online(
        card=card, channel="bus", payee=bus, fare_fen=fare_fen, key=key, actor="qr", occurred_at=NOON
    )


def balance(card: Card) -> int:
    return Purse.objects.get(card=card, kind=Purse.Kind.ACCOUNT).balance_fen


def passes_fen() -> int:
    return account_balance_fen(open_account(chart="2051").pk)


def test_the_pass_pays_before_the_purse(sell: Callable[..., Pass], wallet: Card, bus: LedgerAccount) -> None:
    sell(card=wallet, rides=2)
    paid = [ride(wallet, bus, f"QR:{number}") for number in range(3)]
    assert [type(item) for item in paid] == [PassUse, PassUse, Payment]
    assert balance(wallet) == 1_800
    assert account_balance_fen(bus.pk) == 1_200
    assert invariants.broken() == []


def test_a_ride_paid_from_the_purse_is_not_taken_again_from_a_new_pass(
    sell: Callable[..., Pass], wallet: Card, bus: LedgerAccount
) -> None:
    first = ride(wallet, bus, "QR:1")
    sell(card=wallet)
    assert ride(wallet, bus, "QR:1") == first
    assert Pass.objects.get().rides_left == 10
    taken = ride(wallet, bus, "QR:2")
    assert ride(wallet, bus, "QR:2") == taken
    with pytest.raises(Conflict):
        ride(wallet, bus, "QR:2", fare_fen=300)
    assert balance(wallet) == 1_800


def test_what_neither_can_pay(wallet: Card, bus: LedgerAccount) -> None:
    with pytest.raises(PurseFloorReached):
        ride(wallet, bus, "QR:1", fare_fen=2_001)
    with pytest.raises(NoAccountPurse):
        ride(make_card(), bus, "QR:2")
    cards.mark_lost(card=wallet, actor=CLERK, reason="", occurred_at=NOON)
    with pytest.raises(CardNotActive):
        ride(wallet, bus, "QR:3")
    assert balance(wallet) == 2_000


def test_a_pass_bought_from_the_purse(sell: Callable[..., Pass], wallet: Card) -> None:
    for _ in range(2):
        sold = sell(card=wallet, paid_by="purse")
    assert (balance(wallet), passes_fen()) == (1_000, 1_000)
    assert Payment.objects.get().channel == "pass"
    with pytest.raises(PassNotRefundable):
        refund_payment(
            payment=Payment.objects.get(), amount_fen=1, key="R1", actor=CLERK, reason="", occurred_at=NOON
        )
    assert sold.state == Pass.State.ACTIVE
    assert invariants.broken() == []


def test_a_pass_too_dear_is_not_sold(publish: Callable[..., PassProduct], wallet: Card) -> None:
    publish(price_fen=2_001)
    with pytest.raises(PurseFloorReached):
        sell_pass(
            card=wallet,
            code="ten",
            starts_on=NOON.date(),
            paid_by="purse",
            number="P1",
            actor="portal",
            occurred_at=NOON,
        )
    assert not Pass.objects.exists()
    assert (balance(wallet), passes_fen()) == (2_000, 0)
