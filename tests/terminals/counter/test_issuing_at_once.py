"""Two desks at once: one person gets one card, one card is sold once. Real transactions, real threads."""

from __future__ import annotations

import pytest

from accounts.errors import CardAlreadyHeld
from accounts.models import Card, Citizen, Journal, StockItem
from accounts.selectors.invariants import broken
from accounts.services import issuing
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import BusinessDay
from terminals.readers.memory import MemoryTransport
from terminals.services.counter import personalise_card
from terminals.services.issuing import write_card
from tests.accounts.stock.shelf import open_places
from tests.accounts.threads import in_threads
from tests.factories import CLERK, document_number, make_product
from tests.terminals.chips import PIN
from tests.terminals.counter.test_issuing import Desk, paper
from tests.terminals.stocked import stocked

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(open_day: BusinessDay, demo_keys: KeyStore) -> Desk:
    places, product = open_places(), make_product(real_name=True, price_fen=1_500)
    return Desk(places, product, stocked(demo_keys, places, product, 2))


def test_one_person_at_two_desks_gets_one_card(desk: Desk) -> None:
    number = document_number()
    begun = [
        issuing.begin_issue(product=desk.product, hall=desk.places.hall, clerk=clerk, paper=paper(number))
        for clerk in (CLERK, "li")
    ]
    paid = [desk.through(application) for application in begun]
    ends = in_threads(
        2,
        lambda at: write_card(application=paid[at], transport=MemoryTransport(desk.cards[at][1]), pin=PIN),
        CardAlreadyHeld,
    )
    assert sorted(type(end).__name__ for end in ends) == ["CardAlreadyHeld", "IssueApplication"]
    assert (Citizen.objects.count(), Card.objects.filter(state="active").count()) == (1, 1)
    assert Journal.objects.filter(kind="card_sale").count() == 1
    assert broken() == []


def test_one_card_is_sold_once_however_often_it_is_finished(desk: Desk) -> None:
    card, chip = desk.cards[0]
    application = issuing.begin_writing(application=desk.paid(document_number()), card=card)
    personalise_card(card=card, transport=MemoryTransport(chip), pin=PIN, actor=CLERK)
    ends = in_threads(4, lambda _at: issuing.finish_issue(application=application).state)
    assert ends == ["issued"] * 4
    assert Journal.objects.filter(kind="card_sale").count() == 1
    assert StockItem.objects.filter(state="issued").count() == 1
