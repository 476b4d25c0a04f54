"""Value onto the chip: proven by MAC1 and TAC, torn at any point, never twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.errors import (
    AlreadyLoaded,
    BalanceLimitExceeded,
    CardNotActive,
    IllegalOrderTransition,
    LoadCounterMismatch,
    LoadNotProven,
    LoadRefused,
)
from accounts.models import Card, TopUpOrder, Transfer
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import cards, topup
from accounts.services.ledger import open_account
from citizencard.core.keyservice.keystore import KeyStore
from tests.accounts.chip import Chip
from tests.factories import CLERK, NOON, make_card, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = TopUpOrder.State


@pytest.fixture
def card() -> Card:
    return make_card()


@pytest.fixture
def chip(card: Card, demo_keys: KeyStore) -> Chip:
    return Chip(demo_keys, card)


@pytest.fixture
def paid(card: Card) -> TopUpOrder:
    return topup.receive_cash(order=make_order(card=card, amount_fen=5_000), actor=CLERK)


def purse_fen(card: Card) -> int:
    card = Card.objects.get(pk=card.pk)
    assert account_balance_fen(card.purse.account_id) == card.purse.balance_fen
    return card.purse.balance_fen


def test_a_load_moves_value_from_transit_into_the_purse(card: Card, chip: Chip, paid: TopUpOrder) -> None:
    order = chip.load(paid)
    assert (order.state, purse_fen(card), chip.balance_fen) == (State.CONFIRMED, 5_000, 5_000)
    assert account_balance_fen(open_account(chart="2031").pk) == 0


def test_an_unpaid_order_gets_no_mac2(card: Card, chip: Chip) -> None:
    order = make_order(card=card)
    with pytest.raises(IllegalOrderTransition):
        topup.authorise_load(order=order, when=NOON, **chip.initialise(order.amount_fen))


def test_a_wrong_mac1_is_refused_and_changes_nothing(chip: Chip, paid: TopUpOrder) -> None:
    answer = chip.initialise(paid.amount_fen)
    for at in range(4):
        wrong = bytearray(answer["mac1"])
        wrong[at] ^= 1
        with pytest.raises(LoadRefused):
            topup.authorise_load(order=paid, when=NOON, **answer | {"mac1": bytes(wrong)})
    assert TopUpOrder.objects.get(pk=paid.pk).state == State.PAID


def test_the_chips_own_balance_counts_against_the_limit(
    card: Card, paid: TopUpOrder, demo_keys: KeyStore
) -> None:
    full = Chip(demo_keys, card, balance_fen=96_000)
    with pytest.raises(BalanceLimitExceeded):
        topup.authorise_load(order=paid, when=NOON, **full.initialise(paid.amount_fen))
    assert TopUpOrder.objects.get(pk=paid.pk).state == State.PAID


def test_a_lost_card_is_not_loaded(card: Card, chip: Chip, paid: TopUpOrder) -> None:
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    with pytest.raises(CardNotActive):
        topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))


def test_a_wrong_tac_proves_nothing(card: Card, chip: Chip, paid: TopUpOrder) -> None:
    mac2 = topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    tac = chip.credit(paid.amount_fen, mac2)
    for tac_shown, balance_fen in [(bytes(4), 5_000), (tac, 5_001), (tac, 0)]:
        with pytest.raises(LoadNotProven):
            topup.confirm_load(order=paid, tac=tac_shown, balance_after_fen=balance_fen)
    assert (TopUpOrder.objects.get(pk=paid.pk).state, purse_fen(card)) == (State.LOADED, 0)


def test_a_chip_that_says_it_held_something_else_proves_nothing(chip: Chip, paid: TopUpOrder) -> None:
    mac2 = topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    chip.balance_fen += 1_000
    tac = chip.credit(paid.amount_fen, mac2)
    with pytest.raises(LoadNotProven):
        topup.confirm_load(order=paid, tac=tac, balance_after_fen=chip.balance_fen)


def test_a_repeated_confirmation_moves_nothing(card: Card, chip: Chip, paid: TopUpOrder) -> None:
    order = chip.load(paid)
    for _ in range(2):
        again = topup.confirm_load(order=paid, tac=bytes(order.tac or b""), balance_after_fen=5_000)
        assert again.state == State.CONFIRMED
    assert purse_fen(card) == 5_000
    with pytest.raises(IllegalOrderTransition):
        topup.confirm_load(order=paid, tac=bytes(4), balance_after_fen=5_000)


def test_a_card_torn_away_before_the_credit_is_authorised_again(
    card: Card, chip: Chip, paid: TopUpOrder
) -> None:
    topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    later = NOON + timedelta(minutes=3)
    mac2 = topup.authorise_load(order=paid, when=later, **chip.initialise(paid.amount_fen))
    tac = chip.credit(paid.amount_fen, mac2, later)
    assert topup.confirm_load(order=paid, tac=tac, balance_after_fen=5_000).state == State.CONFIRMED
    assert purse_fen(card) == 5_000


def test_a_card_torn_away_after_the_credit_is_not_credited_again(
    card: Card, chip: Chip, paid: TopUpOrder
) -> None:
    mac2 = topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    tac = chip.credit(paid.amount_fen, mac2)  # the answer never arrives
    with pytest.raises(IllegalOrderTransition):
        topup.reverse_topup(order=paid, actor=CLERK, reason="the chip may hold it")
    assert topup.confirm_load(order=paid, tac=tac, balance_after_fen=5_000).state == State.CONFIRMED
    assert purse_fen(card) == chip.balance_fen == 5_000


def test_the_chips_counter_proves_a_load_when_its_answer_was_lost(
    card: Card, chip: Chip, paid: TopUpOrder
) -> None:
    mac2 = topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    tac = chip.credit(paid.amount_fen, mac2)  # the answer never arrives; the card comes back
    for _ in range(2):
        with pytest.raises(AlreadyLoaded):
            topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    paid.refresh_from_db()
    assert (paid.state, paid.proof, purse_fen(card)) == (State.CONFIRMED, "counter", 5_000)
    with pytest.raises(LoadNotProven):
        topup.confirm_load(order=paid, tac=bytes(4), balance_after_fen=5_000)
    for _ in range(2):  # a TAC that comes late is the better proof
        assert topup.confirm_load(order=paid, tac=tac, balance_after_fen=5_000).proof == "tac"
    assert purse_fen(card) == 5_000
    assert invariants.broken() == []


@pytest.mark.parametrize("loaded", [False, True])
def test_another_orders_load_settles_a_torn_one(
    loaded: bool, card: Card, chip: Chip, paid: TopUpOrder
) -> None:
    other = topup.receive_cash(order=make_order(card=card, amount_fen=700), actor=CLERK)
    mac2 = topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    if loaded:
        chip.credit(paid.amount_fen, mac2)
    assert chip.load(other).state == State.CONFIRMED
    paid.refresh_from_db()
    assert (paid.state, paid.proof) == ((State.CONFIRMED, "counter") if loaded else (State.PAID, ""))
    if not loaded:
        chip.load(paid)
    assert purse_fen(card) == chip.balance_fen == 5_700
    assert invariants.broken() == []


def test_a_torn_load_is_settled_even_if_the_next_one_is_refused(
    card: Card, chip: Chip, paid: TopUpOrder
) -> None:
    other = topup.receive_cash(order=make_order(card=card, amount_fen=700), actor=CLERK)
    mac2 = topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    chip.credit(paid.amount_fen, mac2)
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    with pytest.raises(CardNotActive):
        topup.authorise_load(order=other, when=NOON, **chip.initialise(other.amount_fen))
    assert (TopUpOrder.objects.get(pk=paid.pk).proof, purse_fen(card)) == ("counter", 5_000)


@pytest.mark.parametrize("shown", [0, 3, 9])
def test_a_counter_that_fits_no_load_moves_nothing(
    shown: int, card: Card, chip: Chip, paid: TopUpOrder
) -> None:
    other = topup.receive_cash(order=make_order(card=card, amount_fen=700), actor=CLERK)
    chip.online_atc = 1
    topup.authorise_load(order=paid, when=NOON, **chip.initialise(paid.amount_fen))
    chip.online_atc = shown
    for order in (paid, other):
        with pytest.raises(LoadCounterMismatch):
            topup.authorise_load(order=order, when=NOON, **chip.initialise(order.amount_fen))
    assert (TopUpOrder.objects.get(pk=paid.pk).state, purse_fen(card)) == (State.LOADED, 0)


def test_a_played_back_initialisation_gains_nothing(card: Card, chip: Chip, paid: TopUpOrder) -> None:
    """A terminal loads one order, then shows the chip's old word to get the other's money back."""
    other = topup.receive_cash(order=make_order(card=card, amount_fen=5_000), actor=CLERK)
    old_word = chip.initialise(5_000)
    mac2 = topup.authorise_load(order=paid, when=NOON, **chip.initialise(5_000))
    chip.credit(5_000, mac2)
    topup.authorise_load(order=other, when=NOON, **old_word)
    topup.reverse_topup(order=paid, actor=CLERK, reason="the terminal says it was not loaded")
    with pytest.raises(AlreadyLoaded):
        topup.authorise_load(order=other, when=NOON, **chip.initialise(5_000))
    assert purse_fen(card) == chip.balance_fen == 5_000
    assert invariants.broken() == []


def test_loads_in_a_row_add_up(card: Card, chip: Chip) -> None:
    for amount_fen in (1_000, 2_000, 3_000):
        chip.load(topup.receive_cash(order=make_order(card=card, amount_fen=amount_fen), actor=CLERK))
    assert purse_fen(card) == chip.balance_fen == 6_000
    assert Transfer.objects.filter(kind=Transfer.Kind.TOP_UP_LOADED).count() == 3


def test_confirming_an_order_that_never_began_is_refused(paid: TopUpOrder) -> None:
    with pytest.raises(IllegalOrderTransition):
        topup.confirm_load(order=paid, tac=bytes(4), balance_after_fen=0)
