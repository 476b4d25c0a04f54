"""A loss is reported for now or for good, by any way: a number, the exact time, and what follows from it at that moment."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import IllegalCardTransition
from accounts.models import Card, CardEvent, Mandate, Notice
from citizencard.core.errors import NotFound
from citizencard.core.models import AuditEntry, BusinessDay
from settlement.selectors.audit import broken_invariants
from terminals.errors import AnonymousLoss, IllegalLossStep
from terminals.models import HotListEntry, LossReport
from terminals.services.hotlist import recover_card
from terminals.services.losses import lapse_losses, lift_loss, report_card_lost
from terminals.services.policies import publish_hot_list_policy
from terminals.services.usable import let_go_on, list_unusable, suspend
from tests.factories import CLERK, NOON, make_card, make_citizen
from tests.terminals.lists.mandate import active_mandate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
Kind, Channel, State = LossReport.Kind, LossReport.Channel, LossReport.State
DAYS = 5


@pytest.fixture
def card(open_day: BusinessDay, key_service: object) -> Card:
    publish_hot_list_policy(
        valid_from=date(2026, 1, 1),
        promise_minutes=30,
        grace_minutes=10,
        temporary_days=DAYS,
        legal_basis="挂失办法",
        actor="city",
    )
    return make_card(citizen=make_citizen())


def report(
    card: Card, kind: str = Kind.TEMPORARY, hours: int = 0, channel: str = Channel.PHONE
) -> LossReport:
    return report_card_lost(
        card=card,
        kind=kind,
        channel=channel,
        actor=CLERK,
        reason="left on the bus",
        occurred_at=NOON + timedelta(hours=hours),
    )


def state(card: Card) -> str:
    return Card.objects.get(pk=card.pk).state


def is_listed(card: Card) -> bool:
    return HotListEntry.objects.filter(pan=card.pan, removed_at=None).exists()


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("kind", Kind)
def test_the_holder_is_told_a_number_and_the_time(card: Card, kind: Kind, channel: Channel) -> None:
    told = report(card, kind, channel=channel)
    assert told.number.startswith("GS20260302")
    assert (told.effective_at, told.channel, told.reported_by) == (NOON, channel, CLERK)
    assert told.entry.effective_at == NOON
    assert told.lapses_at == (NOON + timedelta(days=DAYS) if kind == Kind.TEMPORARY else None)
    assert report(card, kind, hours=1) == told
    assert state(card) == {Kind.TEMPORARY: Card.State.LOST_TEMP, Kind.FORMAL: Card.State.LOST}[kind]
    assert AuditEntry.objects.filter(action="loss.report").count() == 1
    assert broken_invariants() == []


def test_automatic_top_up_ends_with_a_report_for_now(card: Card) -> None:
    mandate = active_mandate(card)
    report(card)
    mandate.refresh_from_db()
    assert (mandate.state, mandate.stop_reason) == (Mandate.State.STOPPED, Mandate.StopReason.LOST)
    assert mandate.stopped_at == NOON


def test_for_good_follows_for_now_under_the_same_entry(card: Card) -> None:
    first = report(card)
    last = report(card, Kind.FORMAL, hours=2)
    first.refresh_from_db()
    assert (first.state, last.state, first.entry) == (State.FOLLOWED, State.STANDING, last.entry)
    assert HotListEntry.objects.get().effective_at == NOON, "the promise runs from the first word"
    assert report(card, Kind.TEMPORARY, hours=3) == last
    assert lapse_losses(now=NOON + timedelta(days=DAYS)) == 0
    with pytest.raises(IllegalLossStep):
        lift_loss(card=card, actor=CLERK, reason="found", occurred_at=NOON)
    recover_card(card=card, actor=CLERK, reason="shown at the counter", occurred_at=NOON + timedelta(hours=4))
    last.refresh_from_db()
    assert (state(card), last.state, is_listed(card)) == (Card.State.ACTIVE, State.FOUND, False)
    assert broken_invariants() == []


def test_a_report_for_now_is_taken_back(card: Card) -> None:
    told = report(card)
    lift_loss(card=card, actor="citizen:1", reason="found", occurred_at=NOON + timedelta(hours=1))
    told.refresh_from_db()
    assert (state(card), told.state, is_listed(card)) == (Card.State.ACTIVE, State.FOUND, False)
    assert told.ended_at == NOON + timedelta(hours=1)
    again = report(card, hours=2)
    assert (again.state, again.number != told.number) == (State.STANDING, True)


def test_it_lapses_on_the_minute_and_the_holder_is_told(card: Card) -> None:
    told = report(card)
    end = NOON + timedelta(days=DAYS)
    assert lapse_losses(now=end - timedelta(seconds=1)) == 0
    assert lapse_losses(now=end) == 1
    assert lapse_losses(now=end) == 0
    told.refresh_from_db()
    assert (state(card), told.state, is_listed(card)) == (Card.State.ACTIVE, State.LAPSED, False)
    codes = list(Notice.objects.order_by("pk").values_list("code", flat=True))
    assert codes[-2:] == ["loss_for_now", "loss_lapsed"]
    assert CardEvent.objects.filter(card=card).latest("pk").reason == told.number
    assert broken_invariants() == []


def test_a_card_that_was_not_activated_is_not_active_afterwards(card: Card) -> None:
    inert = make_card(citizen=make_citizen(), state=Card.State.ISSUED)
    report(inert)
    lift_loss(card=inert, actor=CLERK, reason="found", occurred_at=NOON)
    assert state(inert) == Card.State.ISSUED


def test_a_suspended_card_is_listed_until_it_goes_on_whatever_happens_meanwhile(card: Card) -> None:
    suspend(card=card, actor=CLERK, reason="court", occurred_at=NOON)
    assert HotListEntry.objects.get(removed_at=None).cause == HotListEntry.Cause.SUSPENDED
    report(card)
    lift_loss(card=card, actor=CLERK, reason="found", occurred_at=NOON)
    list_unusable(now=NOON)
    assert (state(card), is_listed(card)) == (Card.State.SUSPENDED, True)
    let_go_on(card=card, actor=CLERK, reason="over", occurred_at=NOON)
    assert (state(card), is_listed(card)) == (Card.State.ACTIVE, False)
    assert AuditEntry.objects.filter(action__in=["card.suspend", "card.let_go_on"]).count() == 2


def test_an_anonymous_card_is_refused_with_the_offer_to_register_it(card: Card) -> None:
    anonymous = make_card()
    with pytest.raises(AnonymousLoss) as refused:
        report(anonymous)
    assert "登记为记名卡" in str(refused.value)
    assert state(anonymous) == Card.State.ACTIVE
    assert not LossReport.objects.exists()


def test_what_cannot_be_reported_changes_nothing(card: Card) -> None:
    blank = make_card(citizen=make_citizen(), state=Card.State.PERSONALISED)
    with pytest.raises(IllegalCardTransition):
        report(blank)
    with pytest.raises(NotFound):
        report_card_lost(
            card=card, kind="temporary", channel="phone", actor=CLERK, reason="x",
            occurred_at=NOON - timedelta(days=300),
        )  # fmt: skip
    assert not LossReport.objects.exists()
    assert not HotListEntry.objects.exists()


def test_a_missed_card_without_its_report_is_found(card: Card) -> None:
    report(card)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE terminals_lossreport SET state = 'found', ended_at = now()")
    assert [breach.invariant for breach in broken_invariants()] == [
        "a card is missed for now while its report for now stands"
    ]


def test_the_database_keeps_one_report_and_its_end() -> None:
    told = report(make_card(citizen=make_citizen()), Kind.FORMAL)
    for wrong in ("state = 'lapsed', ended_at = now()", "state = 'found'", "lapses_at = now()"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE terminals_lossreport SET {wrong} WHERE id = %s", [told.pk])
