"""Receipts are numbered by hall and day without a gap, say who, what and how much, and a second one is a copy."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.errors import NoReceipt
from accounts.models import Card, DrawerEntry, Receipt
from accounts.selectors.receipts import receipt_words
from accounts.services import cards, topup
from accounts.services.drawers import confirm_count, count_drawer
from accounts.services.receipts import print_receipt
from citizencard.core.calendar import shanghai
from citizencard.core.models import AuditEntry
from tests.accounts.drawers.till import make_drawer, make_hall
from tests.factories import CLERK, NOON, make_card, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


def entries() -> list[DrawerEntry]:
    return list(DrawerEntry.objects.order_by("pk"))


def test_numbers_follow_each_other_by_hall() -> None:
    make_drawer()
    make_drawer("bo", make_hall("hall-2"))
    for clerk in (CLERK, CLERK, "bo"):
        topup.receive_cash(order=make_order(card=make_card()), actor=clerk)
    printed = [print_receipt(entry=entry, actor=CLERK) for entry in entries()]
    day = f"{shanghai(timezone.now()):%Y%m%d}"
    # Three cards were sold by the clerk besides.
    assert [str(each.receipt) for each in printed if each.receipt.hall.code == "hall-1"] == [
        f"hall-1-{day}-{number:04d}" for number in range(1, 6)
    ]
    assert [str(each.receipt) for each in printed if each.receipt.hall.code == "hall-2"] == [
        f"hall-2-{day}-0001"
    ]
    assert not any(each.is_copy for each in printed)


def test_printed_again_it_is_a_copy_and_that_is_audited() -> None:
    make_drawer()
    make_card()
    (entry,) = entries()
    first = print_receipt(entry=entry, actor=CLERK)
    again = print_receipt(entry=entry, actor="bo")
    assert (again.receipt, first.is_copy, again.is_copy) == (first.receipt, False, True)
    told = AuditEntry.objects.filter(subject=f"receipt:{first.receipt}").order_by("pk")
    assert list(told.values_list("action", "actor")) == [("receipt.print", CLERK), ("receipt.reprint", "bo")]
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_receipt SET running = 7")
    assert Receipt.objects.get().running == 1


def test_it_says_what_was_paid_for_and_masks_the_card() -> None:
    make_drawer()
    card = make_card()
    order = topup.receive_cash(order=make_order(card=card), actor=CLERK)
    topup.reverse_topup(order=order, actor=CLERK, reason="")
    cards.close_card(card=card, actor=CLERK, reason="", occurred_at=NOON)
    sold, paid, back, closed = map(receipt_words, entries())
    assert {words.card for words in (sold, paid, back, closed)} == {f"****{card.pan[-4:]}"}
    assert [(str(what), fen) for what, fen in sold.lines] == [("card sale", 1_000), ("deposit", 1_000)]
    assert [(str(what), fen) for what, fen in paid.lines] == [("top-up paid", 5_000)]
    assert (paid.document, sold.document) == (order.number, "")
    assert (back.total_fen, closed.total_fen) == (-5_000, -1_000)


def test_there_is_none_for_what_was_over() -> None:
    drawer = make_drawer()
    count = count_drawer(session=drawer, pieces={10_000: 9}, actor=CLERK)
    confirm_count(count=count, checker="supervisor")
    (entry,) = entries()
    with pytest.raises(NoReceipt):
        print_receipt(entry=entry, actor=CLERK)
    assert Card.objects.count() == 0
