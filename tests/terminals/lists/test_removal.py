"""Off the list: a found card at once, a mistake by two people, and a lost carton on it as a whole."""

from __future__ import annotations

import pytest

from accounts.errors import CardAlreadyHeld, IllegalCardTransition
from accounts.models import Card, Mandate, Notice
from citizencard.core.errors import InvalidField, MakerIsChecker, NotFound
from citizencard.core.models import AuditEntry, BusinessDay
from terminals.models import HotListEntry, HotListRemoval
from terminals.selectors.hotlist import packed_list
from terminals.services.hotlist import (
    approve_removal,
    list_carton,
    propose_removal,
    recover_card,
    report_loss,
)
from terminals.services.publishing import publish_hot_list
from tests.factories import CLERK, NOON, make_card, make_citizen
from tests.terminals.field import later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


@pytest.fixture
def named() -> Card:
    return make_card(citizen=make_citizen())


def listed(card: Card) -> bool:
    publish_hot_list()
    return packed_list(None).get(card.pan) is not None


def test_a_found_card_is_off_the_list_with_the_next_version_and_works(named: Card) -> None:
    report_loss(card=named, actor=CLERK, reason="lost", occurred_at=NOON)
    assert listed(named)
    found = recover_card(card=named, actor=CLERK, reason="found", occurred_at=later(60))
    assert (found.state, listed(named)) == (Card.State.ACTIVE, False)
    assert [notice.code for notice in Notice.objects.order_by("id")][-1] == "card_found"
    with pytest.raises(IllegalCardTransition):
        recover_card(card=named, actor=CLERK, reason="again", occurred_at=later(61))
    assert report_loss(card=named, actor=CLERK, reason="again", occurred_at=later(90)).effective_at == later(
        90
    )


def test_a_card_that_was_replaced_stays_lost(named: Card) -> None:
    report_loss(card=named, actor=CLERK, reason="lost", occurred_at=NOON)
    make_card(citizen=named.citizen)
    with pytest.raises(CardAlreadyHeld):
        recover_card(card=named, actor=CLERK, reason="found", occurred_at=later(60))
    assert listed(named)


def test_a_mistake_is_taken_back_by_another_person_and_the_holder_is_told(named: Card) -> None:
    entry = report_loss(card=named, actor=CLERK, reason="wrong number", occurred_at=NOON)
    removal = propose_removal(entry=entry, actor="maker", reason="typed a wrong number")
    assert propose_removal(entry=entry, actor="other", reason="as well").maker == "maker"
    with pytest.raises(MakerIsChecker):
        approve_removal(removal=removal, actor="maker", occurred_at=later(5))
    assert listed(named)
    done = approve_removal(removal=removal, actor="checker", occurred_at=later(5))
    assert approve_removal(removal=removal, actor="third", occurred_at=later(6)).checker == done.checker
    named.refresh_from_db()
    assert (named.state, listed(named)) == (Card.State.ACTIVE, False)
    assert Notice.objects.order_by("-id").first().code == "card_listed_wrongly"  # type: ignore[union-attr]
    with pytest.raises(InvalidField):
        propose_removal(entry=entry, actor="maker", reason="ended")
    assert AuditEntry.objects.filter(action__startswith="hot_list.").count() == 2


def test_the_report_tells_the_promise_and_stops_automatic_top_up(
    named: Card, open_day: BusinessDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    from terminals.services import hotlist
    from tests.terminals.lists.mandate import active_mandate, promised

    promised(30)
    mandate = active_mandate(named)
    monkeypatch.setattr(hotlist, "publish_soon", lambda: None)
    report_loss(card=named, actor=CLERK, reason="lost", occurred_at=NOON)
    mandate.refresh_from_db()
    assert (mandate.state, mandate.stop_reason) == (Mandate.State.STOPPED, "lost")
    told = Notice.objects.get(code="card_listed").text
    assert "30" in told
    assert named.pan not in told


def test_a_carton_is_listed_by_its_range_but_not_what_is_in_use() -> None:
    cards = [make_card(state=Card.State.PERSONALISED) for _ in range(3)]
    held = make_card()
    first, last = cards[0].pan, held.pan
    assert list_carton(first=first, last=last, actor=CLERK, reason="lost in transit", occurred_at=NOON) == 3
    assert list_carton(first=first, last=last, actor=CLERK, reason="again", occurred_at=NOON) == 3
    assert HotListEntry.objects.filter(cause="carton").count() == 3
    assert all(listed(card) for card in cards)
    assert not listed(held)
    with pytest.raises(InvalidField):
        list_carton(first=last, last=first, actor=CLERK, reason="x", occurred_at=NOON)
    with pytest.raises(NotFound):
        list_carton(first="1" * 19, last="2" * 19, actor=CLERK, reason="x", occurred_at=NOON)


def test_no_removal_by_one_person_gets_past_the_database(named: Card) -> None:
    from django.db import IntegrityError, transaction

    entry = report_loss(card=named, actor=CLERK, reason="x", occurred_at=NOON)
    propose_removal(entry=entry, actor="maker", reason="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        HotListRemoval.objects.update(checker="maker", approved_at=NOON)


def test_a_card_that_is_suspected_can_be_lost_and_clearing_it_does_not_free_it(named: Card) -> None:
    HotListEntry.objects.create(
        pan=named.pan,
        cause=HotListEntry.Cause.SUSPICION,
        reason="velocity",
        effective_at=NOON,
        listed_by="risk",
    )
    entry = report_loss(card=named, actor=CLERK, reason="lost", occurred_at=later(60))
    named.refresh_from_db()
    assert (entry.cause, named.state) == (HotListEntry.Cause.LOSS, Card.State.LOST)
    assert HotListEntry.objects.get(pan=named.pan, removed_at=None) == entry
    assert listed(named)
