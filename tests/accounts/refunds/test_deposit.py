"""A deposit is given back once, in full unless damage is on record, and is never spent."""

from __future__ import annotations

import pytest

from accounts.errors import CardHasFunds
from accounts.models import Card, CardDamage, LedgerAccount, Transfer
from accounts.selectors import invariants
from accounts.selectors.deposits import deposit_held_fen
from accounts.services import cards, postings
from accounts.services.deposits import return_deposit
from accounts.services.incidents import record_damage
from citizencard.core.keyservice.keystore import KeyStore
from tests.accounts.refunds import stories
from tests.accounts.refunds.stories import approved, fen, fresh, shown, tap
from tests.factories import CLERK, NOON, fill_purse, make_card, make_product
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


def close(card: Card) -> Card:
    return cards.close_card(card=card, actor=CLERK, reason="given back", occurred_at=NOON)


@pytest.mark.parametrize("state", [Card.State.ISSUED, Card.State.ACTIVE, Card.State.LOST])
def test_closing_a_card_gives_its_deposit_back_in_cash(state: str) -> None:
    card = make_card(state=state)
    assert (fen("1011"), fen("2021"), deposit_held_fen(card)) == (2_000, 1_000, 1_000)
    close(card)
    assert (fen("1011"), fen("2021"), deposit_held_fen(card)) == (1_000, 0, 0)
    assert invariants.broken() == []


def test_a_card_never_handed_over_has_no_deposit() -> None:
    card = make_card(state=Card.State.PERSONALISED)
    assert deposit_held_fen(card) == 0
    close(card)
    assert not Transfer.objects.exists()


def test_the_deposit_of_the_sale_counts_not_todays() -> None:
    card = make_card()
    make_product(deposit_fen=9_000, price_fen=7)
    assert deposit_held_fen(fresh(card)) == 1_000
    assert invariants.broken() == []
    close(card)
    assert fen("2021") == 0
    assert invariants.broken() == []


def test_damage_on_record_is_kept(card: Card) -> None:
    stories.publish(card.product, valid_from=NOON.date(), damage_fee_fen=400)
    empty = make_card(product=card.product)
    record_damage(card=empty, finding="bent", actor=CLERK, occurred_at=NOON)
    before = fen("1011")
    close(empty)
    assert (before - fen("1011"), fen("6003")) == (600, 400)


def test_damage_beyond_the_deposit_takes_the_deposit_only() -> None:
    card = make_card()
    CardDamage.objects.create(
        card=card, amount_fen=5_000, finding="burnt", rule="办法", actor=CLERK, occurred_at=NOON
    )
    close(card)
    assert (fen("2021"), fen("6003"), fen("1011")) == (0, 1_000, 2_000 - 1_000 + 1_000)


def test_a_deposit_is_given_back_once(card: Card) -> None:
    approved(card, chip=shown(10_000))
    owed = fen("2032")
    return_deposit(card=card, to=postings.Chart.COUNTER_CASH, actor=CLERK, occurred_at=NOON)
    assert (fen("2032"), fen("2021")) == (owed, 0)


def test_a_card_with_money_in_one_purse_and_debt_in_the_other_is_not_closed(field: Field) -> None:
    card = stories.named_card(100, product={"overdraft_fen": 500})
    tap(field, card, 0, 400)
    stories.pay_online(card, 300)
    with pytest.raises(CardHasFunds):
        close(card)


def test_the_purses_of_a_closed_card_take_nothing_more(field: Field) -> None:
    card = make_card()
    close(card)
    tap(field, card, 0, 200)
    assert fen("1221") == 200
    states = LedgerAccount.objects.filter(code__endswith=card.pan).values_list("state", flat=True)
    assert set(states) == {"closed"}


def test_nobody_can_spend_a_deposit(field: Field, demo_keys: KeyStore) -> None:
    """Neither a tap on an empty card nor one beyond the balance touches 2021."""
    card = make_card()
    fill_purse(card, 100)
    for atc in range(3):
        tap(field, card, atc, 200)
    deposits = LedgerAccount.objects.get(code="2021").pk
    assert not Transfer.objects.filter(debit_id=deposits).exists()
    assert fen("2021") == 1_000
