"""Stock: what is produced, sent, issued, scrapped, lost and found adds up at every moment and place."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import StockMismatch
from accounts.models import CardOrder, StockItem, StockLevel, StockMovement, StockProposal
from accounts.selectors import invariants
from accounts.selectors.stock import short_levels
from accounts.services import stock
from citizencard.core.errors import AlreadyDecided, InvalidField, MakerIsChecker
from tests.accounts.stock.shelf import (
    CHECKER,
    Places,
    deliver,
    make_stock,
    numbers,
    open_places,
    order_cards,
    send_all,
)
from tests.factories import CLERK, make_card, make_product

pytestmark = pytest.mark.django_db


@pytest.fixture
def places() -> Places:
    return open_places()


def counts(places: Places) -> list[int]:
    found = dict(StockLevel.objects.values_list("place_id", "count"))
    return [found.get(place.pk, 0) for place in places]


def test_the_way_of_an_order_from_bureau_to_hall(places: Places) -> None:
    order = make_stock(places, 3)
    assert (order.state, counts(places)) == (CardOrder.State.PRODUCED, [3, 0, 0])
    consignment = send_all(order, places.bureau, places.store)
    assert counts(places) == [0, 0, 0]
    stock.receive_stock(consignment=consignment, actor=CHECKER)
    assert counts(places) == [0, 3, 0]
    stock.receive_stock(consignment=send_all(order, places.store, places.hall), actor=CHECKER)
    order.refresh_from_db()
    assert (order.state, counts(places)) == (CardOrder.State.DELIVERED, [0, 0, 3])


def test_sender_and_receiver_are_two_people_in_the_database_too(places: Places) -> None:
    consignment = send_all(make_stock(places, 1), places.bureau, places.store)
    with pytest.raises(MakerIsChecker):
        stock.receive_stock(consignment=consignment, actor=CLERK)
    with pytest.raises(IntegrityError, match="stock_changes_hands_before_two"):
        StockMovement.objects.create(
            kind="arrived",
            source=places.bureau,
            target=places.store,
            actor="x",
            witness="x",
            answers=consignment,
        )


def test_part_of_a_consignment_arrives_and_a_strange_card_is_refused(places: Places) -> None:
    order = make_stock(places, 3)
    consignment = send_all(order, places.bureau, places.store)
    first, *rest = numbers(order)
    stock.receive_stock(consignment=consignment, actor=CHECKER, numbers=[first])
    with pytest.raises(StockMismatch, match=first):
        stock.receive_stock(consignment=consignment, actor=CHECKER, numbers=[first, rest[0]])
    stock.receive_stock(consignment=consignment, actor=CHECKER)
    assert counts(places) == [0, 3, 0]


def test_a_card_is_taken_from_the_clerks_own_hall_once(places: Places) -> None:
    order = make_stock(places, 2)
    deliver(order, places)
    card = order.items.first().card
    for _ in range(2):
        assert stock.take_from_stock(card=card, hall=places.hall, actor=CLERK).state == StockItem.State.ISSUED
    assert counts(places) == [0, 0, 1]


def test_a_mismatch_says_where_the_card_is(places: Places) -> None:
    order = make_stock(places, 1)
    card = order.items.get().card

    def refused() -> str:
        with pytest.raises(StockMismatch) as refusal:
            stock.take_from_stock(card=card, hall=places.hall, actor=CLERK)
        return str(refusal.value.data["reason"])

    places.bureau.name = "bureau"
    assert "bureau" in refused()
    send_all(order, places.bureau, places.store)
    assert "store" in refused()
    stock.lose_stock(place=places.bureau, first=card.pan, last=card.pan, actor=CLERK, reason="van robbed")
    assert StockItem.objects.get().get_state_display() in refused()
    with pytest.raises(StockMismatch):
        stock.take_from_stock(card=make_card(state="blank"), hall=places.hall, actor=CLERK)


def test_scrapping_takes_two(places: Places) -> None:
    order = make_stock(places, 2)
    pan = numbers(order)[0]
    proposal = stock.propose_stock(
        kind="scrapped", place=places.bureau, first=pan, last=pan, actor=CLERK, reason="misprint"
    )
    with pytest.raises(MakerIsChecker):
        stock.approve_stock(proposal=proposal, checker=CLERK)
    assert counts(places) == [2, 0, 0]
    movement = stock.approve_stock(proposal=proposal, checker=CHECKER)
    assert (movement.witness, movement.actor, counts(places)) == (CLERK, CHECKER, [1, 0, 0])
    with pytest.raises(AlreadyDecided):
        stock.refuse_stock(proposal=proposal, checker=CHECKER, reason="late")
    with pytest.raises(StockMismatch):
        stock.propose_stock(
            kind="scrapped", place=places.bureau, first=pan, last=pan, actor=CLERK, reason="again"
        )


def test_what_is_lost_on_its_way_is_its_senders_loss_and_comes_back_when_found(places: Places) -> None:
    order = make_stock(places, 2)
    send_all(order, places.bureau, places.store)
    first, last = numbers(order)
    stock.lose_stock(place=places.bureau, first=first, last=last, actor=CLERK, reason="van robbed")
    level = StockLevel.objects.get(place=places.bureau)
    assert (level.produced, level.came, level.went, level.lost, level.count) == (2, 2, 2, 2, 0)
    proposal = stock.propose_stock(
        kind="found", place=places.bureau, first=first, last=last, actor=CLERK, reason="van found"
    )
    stock.approve_stock(proposal=proposal, checker=CHECKER)
    assert counts(places) == [2, 0, 0]


def test_stock_taking_names_every_difference_and_moves_nothing(places: Places) -> None:
    order = make_stock(places, 3)
    missing, *there = numbers(order)
    count = stock.take_stock(
        place=places.bureau, product=order.product, numbers=[*there, "9" * 19], actor=CLERK
    )
    assert (count.expected, count.counted, count.missing, count.surplus) == (3, 3, [missing], ["9" * 19])
    assert counts(places) == [3, 0, 0]


def test_a_place_below_its_minimum_is_named(places: Places) -> None:
    order = make_stock(places, 2)
    for minimum in (2, 3):
        stock.set_minimum(place=places.bureau, product=order.product, minimum=minimum, actor=CLERK)
        assert len(short_levels()) == minimum - 2
    with pytest.raises(InvalidField):
        stock.set_minimum(place=places.bureau, product=order.product, minimum=-1, actor=CLERK)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_stockitem SET state = 'issued'",
        "UPDATE accounts_stocklevel SET lost = 1",
        "UPDATE accounts_stockmovement SET actor = 'x'",
        "DELETE FROM accounts_stockline",
        "DELETE FROM accounts_stockitem",
        "INSERT INTO accounts_stockline (movement_id, item_id) SELECT movement_id, max(item_id) + 1 - 1 FROM accounts_stockline GROUP BY 1",
    ],
)
def test_nothing_but_a_movement_changes_stock(places: Places, statement: str) -> None:
    make_stock(places, 1)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_statements_do_not_grow_with_the_cards(places: Places) -> None:
    spent = []
    for quantity in (2, 40):
        with CaptureQueriesContext(
            connection,
        ) as made:
            deliver(make_stock(places, quantity), places)
        spent.append(len(made))
    # The very first order opens the control account and the places' levels.
    assert spent[1] <= spent[0]


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "receive", "issue", "lose", "find", "scrap"]), st.integers(0, 3)),
    max_size=12,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_the_levels_are_what_lies_there(
    places: Places, steps: list[tuple[str, int]]
) -> None:
    order = make_stock(places, 4)
    pans = numbers(order)
    for step, which in steps:
        _try(step, pans[which], places)
    assert [each for each in invariants.broken() if "stock" in each.invariant] == []
    states = list(order.items.values_list("state", "place_id"))
    levels = dict(StockLevel.objects.values_list("place_id", "count"))
    others = StockItem.objects.exclude(order=order).filter(state="held")
    for place in places:
        lying = states.count(("held", place.pk)) + others.filter(place=place).count()
        assert levels.get(place.pk, 0) == lying


def _try(step: str, pan: str, places: Places) -> None:
    """Do it to one card, if it can be done."""
    item = StockItem.objects.select_related("place", "card").get(card__pan=pan)
    where = item.place
    onward = (
        places.store if where == places.bureau else places.hall if where == places.store else places.bureau
    )
    try:
        with transaction.atomic():
            match step:
                case "send":
                    stock.send_stock(source=where, target=onward, first=pan, last=pan, actor=CLERK)
                case "receive":
                    sent = StockMovement.objects.filter(kind="sent", lines__item=item).latest("pk")
                    stock.receive_stock(consignment=sent, actor=CHECKER)
                case "issue":
                    stock.take_from_stock(card=item.card, hall=where, actor=CLERK)
                case "lose":
                    stock.lose_stock(place=where, first=pan, last=pan, actor=CLERK, reason="x")
                case _:
                    kind = "found" if step == "find" else "scrapped"
                    made = stock.propose_stock(
                        kind=kind, place=where, first=pan, last=pan, actor=CLERK, reason="x"
                    )
                    stock.approve_stock(proposal=made, checker=CHECKER)
    except (StockMismatch, StockMovement.DoesNotExist):
        pass


def test_orders_take_two_and_only_anonymous_cards_without_holders(places: Places) -> None:
    order = order_cards(places, 2)
    assert (order.state, order.items.count()) == (CardOrder.State.APPROVED, 2)
    card = order.items.first().card
    assert (card.state, card.purse.balance_fen, card.events.count()) == ("blank", 0, 1)
    from accounts.services.card_orders import approve_order, propose_order, refuse_order

    values = {"quantity": 1, "hall": places.hall, "deadline": order.deadline, "actor": CLERK}
    other = propose_order(product=make_product(), **values)
    with pytest.raises(MakerIsChecker):
        approve_order(order=other, bureau=places.bureau, checker=CLERK)
    assert refuse_order(order=other, checker=CHECKER, reason="enough").state == CardOrder.State.REFUSED
    assert StockProposal.objects.count() == 0
