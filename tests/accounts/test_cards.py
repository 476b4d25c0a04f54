"""A card's life, step by step, and every step it may not take."""

from __future__ import annotations

from datetime import date

import pytest

from accounts.errors import (
    AnonymousProduct,
    CardAlreadyHeld,
    CardHasFunds,
    CitizenRequired,
    ConsentMissing,
    IllegalCardTransition,
)
from accounts.models import Card, CardEvent, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services import cards, topup
from accounts.services.ledger import open_account
from citizencard.core.models import BusinessDay
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_order, make_product

pytestmark = pytest.mark.django_db
State = Card.State

STEPS = {
    State.PERSONALISED: lambda card: cards.mark_personalised(card=card, actor=CLERK),
    State.ISSUED: lambda card: cards.issue_card(card=card, actor=CLERK, occurred_at=NOON),
    State.ACTIVE: lambda card: cards.activate_card(card=card, actor=CLERK),
    State.SUSPENDED: lambda card: cards.suspend_card(card=card, actor=CLERK, reason="died", occurred_at=NOON),
    State.LOST: lambda card: cards.mark_lost(card=card, actor=CLERK, reason="lost", occurred_at=NOON),
    State.REPLACED: lambda card: cards.mark_replaced(
        card=card, actor=CLERK, reason="damaged", occurred_at=NOON
    ),
    State.CLOSED: lambda card: cards.close_card(card=card, actor=CLERK, reason="over", occurred_at=NOON),
}
LEGAL = {
    (State.BLANK, State.PERSONALISED),
    (State.PERSONALISED, State.ISSUED),
    (State.ISSUED, State.ACTIVE),
    (State.ISSUED, State.LOST),
    (State.ACTIVE, State.LOST),
    (State.ISSUED, State.SUSPENDED),
    (State.ACTIVE, State.SUSPENDED),
    (State.ISSUED, State.REPLACED),
    (State.ACTIVE, State.REPLACED),
    (State.LOST, State.REPLACED),
    *(
        (state, State.CLOSED)
        for state in State
        if state not in (State.REFUNDING, State.REPLACED, State.CLOSED)
    ),
}


def test_a_card_walks_its_life(open_day: BusinessDay) -> None:
    card = make_card()
    cards.mark_lost(card=card, actor=CLERK, reason="left on the bus", occurred_at=NOON)
    steps = [(e.source, e.target, e.actor) for e in CardEvent.objects.filter(card=card).order_by("pk")]
    assert steps == [
        ("", "blank", CLERK),
        ("blank", "personalised", CLERK),
        ("personalised", "issued", CLERK),
        ("issued", "active", CLERK),
        ("active", "lost", CLERK),
    ]
    assert card.events.latest("pk").reason == "left on the bus"


@pytest.mark.parametrize(
    ("source", "target"),
    [(a, b) for a in State for b in STEPS if (a, b) not in LEGAL],
    ids=lambda state: state.value,
)
def test_an_illegal_step_raises_and_changes_nothing(source: str, target: str, open_day: BusinessDay) -> None:
    card = make_card(state=source)
    events, transfers = card.events.count(), Transfer.objects.count()
    with pytest.raises(IllegalCardTransition):
        STEPS[Card.State(target)](card)
    assert Card.objects.get(pk=card.pk).state == source
    assert (card.events.count(), Transfer.objects.count()) == (events, transfers)


@pytest.mark.parametrize(("source", "target"), sorted(LEGAL), ids=lambda state: state.value)
def test_a_legal_step_is_taken(source: str, target: str, open_day: BusinessDay) -> None:
    card = STEPS[Card.State(target)](make_card(state=source))
    assert Card.objects.get(pk=card.pk).state == card.state == target


def test_a_stale_instance_does_no_harm(open_day: BusinessDay) -> None:
    card = make_card()
    stale = Card.objects.get(pk=card.pk)
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    with pytest.raises(IllegalCardTransition):
        cards.mark_lost(card=stale, actor=CLERK, reason="", occurred_at=NOON)


def test_numbers_are_19_digits_of_our_issuer_and_never_repeat(open_day: BusinessDay) -> None:
    pans = [make_card(state=State.BLANK).pan for _ in range(3)]
    assert len(set(pans)) == 3
    assert all(pan.startswith("31043970") and len(pan) == 19 for pan in pans)
    assert Card(pan="3104397000000000012").serial.hex() == "4397000000000012"


def test_validity_from_a_leap_day_ends_with_february() -> None:
    card = cards.order_card(product=make_product(validity_years=5), actor=CLERK, valid_from=date(2024, 2, 29))
    assert card.valid_to == date(2029, 2, 28)


def test_price_and_deposit_are_booked_when_the_card_is_issued(open_day: BusinessDay) -> None:
    make_card(product=make_product(price_fen=1_000, deposit_fen=2_000), state=State.ISSUED)
    booked = {chart: account_balance_fen(open_account(chart=chart).pk) for chart in ("1011", "6002", "2021")}
    assert booked == {"1011": 3_000, "6002": 1_000, "2021": 2_000}


def test_a_free_card_books_nothing(open_day: BusinessDay) -> None:
    make_card(product=make_product(price_fen=0, deposit_fen=0), state=State.ISSUED)
    assert not Transfer.objects.exists()


def test_a_real_name_card_needs_a_citizen_with_consent() -> None:
    product = make_product(real_name=True)
    with pytest.raises(CitizenRequired):
        cards.order_card(product=product, actor=CLERK, valid_from=date(2026, 3, 1))
    with pytest.raises(ConsentMissing) as refusal:
        make_card(product=product, citizen=make_citizen(consent=False))
    assert "个人信息保护法" in refusal.value.rule
    assert make_card(product=product, citizen=make_citizen(), state=State.BLANK).purse.account.chart == "2011"


def test_an_anonymous_card_takes_no_name() -> None:
    with pytest.raises(AnonymousProduct):
        make_card(product=make_product(), citizen=make_citizen())
    assert make_card(state=State.BLANK).purse.account.chart == "2012"


def test_one_live_card_per_citizen_and_product(open_day: BusinessDay) -> None:
    citizen = make_citizen()
    first = make_card(citizen=citizen)
    with pytest.raises(CardAlreadyHeld):
        make_card(citizen=citizen)
    cards.mark_lost(card=first, actor=CLERK, reason="", occurred_at=NOON)
    assert make_card(citizen=citizen).state == State.ACTIVE


def test_a_card_with_money_cannot_be_closed(open_day: BusinessDay) -> None:
    card = make_card()
    fill_purse(card, 100)
    with pytest.raises(CardHasFunds):
        STEPS[State.CLOSED](card)
    assert Card.objects.get(pk=card.pk).state == State.ACTIVE


def test_a_card_with_a_top_up_under_way_cannot_be_closed(open_day: BusinessDay) -> None:
    card = make_card()
    order = topup.receive_cash(order=make_order(card=card), actor=CLERK)
    with pytest.raises(CardHasFunds):
        STEPS[State.CLOSED](card)
    topup.reverse_topup(order=order, actor=CLERK, reason="")
    assert STEPS[State.CLOSED](card).state == State.CLOSED
