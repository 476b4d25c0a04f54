"""A card ends, its money does not: the holder is told in time, nothing more is written onto it, the next one has it all."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from accounts.errors import CardExpired, NotReplaceable
from accounts.models import Card, Notice, Purse, Replacement, Transfer
from accounts.selectors.invariants import broken
from accounts.services.expiry import remind_of_expiry
from accounts.services.replacements import move_due, replace_card
from tests.accounts.refunds.stories import LATER, anonymous_card, named_card
from tests.accounts.refunds.test_replacement import handed_over, in_orders
from tests.factories import CLERK, NOON, fill_purse, make_card, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day", "key_service")]
TODAY = NOON.date()


def ends(card: Card, days: int) -> Card:
    """So many days from today."""
    Card.objects.filter(pk=card.pk).update(valid_from=date(2020, 1, 1), valid_to=TODAY + timedelta(days=days))
    card.refresh_from_db()
    return card


def exchange(card: Card) -> Replacement:
    return replace_card(card=card, cause="expired", actor=CLERK, occurred_at=NOON)


def test_the_holder_is_told_thirty_fourteen_and_one_day_before() -> None:
    card = ends(named_card(), 30)
    ends(anonymous_card(code="nobody"), 30)
    for passed, told in ((0, 1), (0, 0), (1, 0), (16, 1), (29, 1), (30, 0)):
        assert remind_of_expiry(today=TODAY + timedelta(days=passed)) == told
    notices = Notice.objects.filter(citizen=card.citizen, code=Notice.Code.CARD_EXPIRES).order_by("pk")
    assert [notice.data["days"] for notice in notices] == ["30", "14", "1"]
    assert card.pan[-4:] in notices[0].text
    assert card.pan not in str(notices[0].data)


def test_an_expired_anonymous_card_is_exchanged_with_all_its_money_for_nothing() -> None:
    card = ends(anonymous_card(code="old"), -400)
    fill_purse(card, 12_345)
    held_fen = Purse.objects.get(card=card).balance_fen
    replacement = exchange(card)
    assert replacement.fee_fen == 0
    new = handed_over(replacement)
    assert new.valid_to > TODAY
    assert move_due(now=LATER) == 1
    assert in_orders(new) == {"chip": held_fen, "deposit": card.deposit_fen}
    assert held_fen >= 12_345
    assert broken() == []


def test_it_is_exchanged_from_the_first_reminder_on() -> None:
    with pytest.raises(NotReplaceable):
        exchange(ends(named_card(), 31))
    assert exchange(ends(anonymous_card(code="old"), 30)).cause == "expired"


def test_nothing_more_is_written_onto_an_expired_chip() -> None:
    card = ends(make_card(), -1)
    with pytest.raises(CardExpired) as refused:
        make_order(card=card)
    assert refused.value.data["date"] == card.valid_to
    assert make_order(card=ends(make_card(), 0)).pk


def test_lying_still_costs_nothing() -> None:
    """There is no kind of transfer for it, and nothing that runs by the clock takes a fen from a card that nobody uses."""
    assert not [
        kind for kind in Transfer.Kind if "dormant" in kind.name.lower() or "idle" in kind.name.lower()
    ]
    card = ends(make_card(), -1_000)
    fill_purse(card, 1)
    remind_of_expiry(today=TODAY)
    assert move_due(now=NOON + timedelta(days=4_000)) == 0
    assert Purse.objects.get(card=card).balance_fen == 1
