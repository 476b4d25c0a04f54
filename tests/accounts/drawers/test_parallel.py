"""Drawers, receipts and reversals when several people press at once. Real transactions, real threads."""

from __future__ import annotations

import pytest

from accounts.errors import DrawerAlreadyOpen, DrawerNotOpen
from accounts.models import Card, DrawerEntry, TopUpOrder
from accounts.selectors import invariants
from accounts.services import topup
from accounts.services.counter_reversals import approve_reversal, propose_reversal
from accounts.services.drawer_entries import cash_needs_drawer
from accounts.services.drawers import count_drawer
from accounts.services.receipts import print_receipt
from citizencard.core.errors import AlreadyDecided
from citizencard.core.models import BusinessDay
from tests.accounts.drawers.till import FLOAT, FLOAT_FEN, make_drawer, make_hall
from tests.accounts.threads import in_threads, waits_for
from tests.factories import CLERK, make_card, make_order, make_product

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("open_day")]


@pytest.fixture
def card(open_day: BusinessDay) -> Card:
    return make_card(product=make_product(price_fen=0, deposit_fen=0))


def taken(card: Card) -> TopUpOrder:
    return topup.receive_cash(order=make_order(card=card), actor=CLERK)


def test_four_windows_open_one_drawer() -> None:
    hall = make_hall()
    answers = in_threads(4, lambda _: make_drawer(hall=hall), DrawerAlreadyOpen)
    assert sum(isinstance(answer, DrawerAlreadyOpen) for answer in answers) == 3


def test_what_comes_while_the_drawer_is_counted_is_refused(card: Card) -> None:
    drawer, order = make_drawer(), make_order(card=card)

    def take() -> object:
        with cash_needs_drawer():
            return topup.receive_cash(order=order, actor=CLERK)

    with pytest.raises(DrawerNotOpen):
        waits_for(lambda: count_drawer(session=drawer, pieces=FLOAT, actor=CLERK), take)
    assert (drawer.moved_fen, invariants.broken()) == (0, [])


def test_the_count_waits_for_what_is_being_booked(card: Card) -> None:
    drawer = make_drawer()
    count = waits_for(lambda: taken(card), lambda: count_drawer(session=drawer, pieces=FLOAT, actor=CLERK))
    assert count.expected_fen == FLOAT_FEN + 5_000
    assert invariants.broken() == []


def test_six_receipts_at_once_are_numbered_one_to_six(card: Card) -> None:
    make_drawer()
    for _order in range(6):
        taken(card)
    entries = list(DrawerEntry.objects.all())
    printed = in_threads(6, lambda number: print_receipt(entry=entries[number], actor=CLERK))
    assert sorted(each.receipt.running for each in printed) == [1, 2, 3, 4, 5, 6]


def test_two_supervisors_undo_a_topup_once(card: Card) -> None:
    drawer = make_drawer()
    taken(card)
    reversal = propose_reversal(entry=DrawerEntry.objects.get(), actor=CLERK, reason="wrong amount")
    answers = in_threads(
        2, lambda number: approve_reversal(reversal=reversal, checker=f"supervisor{number}"), AlreadyDecided
    )
    assert sum(isinstance(answer, AlreadyDecided) for answer in answers) == 1
    assert (drawer.moved_fen, invariants.broken()) == (0, [])
