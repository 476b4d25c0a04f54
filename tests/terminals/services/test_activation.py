"""An issued card is inert until it is activated: terminals are told, and what one has taken all the same waits for its holder."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Card, CardEvent
from accounts.services.cards import activate_card
from settlement.selectors.audit import broken_invariants
from terminals.models import HeldResolution, HotListEntry, Tap, WaitingPurchase
from terminals.selectors.hotlist import packed_list
from terminals.services.acceptance import accept_tap
from terminals.services.held import settle_held
from terminals.services.hotlist import report_loss
from terminals.services.publishing import publish_hot_list
from terminals.services.usable import activate, list_unusable
from tests.factories import CLERK, NOON, document_number, fill_purse, make_card, make_citizen, make_product
from tests.terminals.field import Field
from tests.terminals.held.held_city import LATER, balance, publish_terms, purse_fen, upload

pytestmark = pytest.mark.django_db
SOON = NOON + timedelta(minutes=5)


@pytest.fixture
def inert() -> Card:
    """Handed over and not activated; a chip with money, as no service would make one."""
    card = make_card(state=Card.State.ISSUED)
    fill_purse(card, 1_000)
    return card


def test_terminals_have_it_on_their_list_until_it_is_activated(open_day: object, inert: Card) -> None:
    number = document_number()
    named = make_card(citizen=make_citizen(document_number=number), state=Card.State.ISSUED)
    assert list_unusable(now=NOON) == 2
    assert {entry.cause for entry in HotListEntry.objects.all()} == {HotListEntry.Cause.INACTIVE}
    publish_hot_list(now=NOON)
    assert len(packed_list(None)) == 2
    activate(card=named, document_number=number, actor=CLERK, occurred_at=SOON)
    publish_hot_list(now=SOON)
    assert len(packed_list(None)) == 1
    activate_card(card=inert, actor=CLERK, occurred_at=SOON)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert list_unusable(now=SOON) == 1
    assert len([each for each in queries if "hotlistentry" in each["sql"]]) == 2
    assert list_unusable(now=SOON) == 0
    assert not HotListEntry.objects.filter(removed_at=None).exists()


def test_what_stands_on_the_list_for_something_else_stays(open_day: object, inert: Card) -> None:
    report_loss(card=inert, actor=CLERK, reason="lost", occurred_at=NOON)
    assert list_unusable(now=SOON) == 0
    assert HotListEntry.objects.get(removed_at=None).cause == HotListEntry.Cause.LOSS


def test_a_tap_before_activation_waits_and_is_the_holders_afterwards(field: Field, inert: Card) -> None:
    publish_terms()
    list_unusable(now=NOON)
    body = field.tap(inert, 1, 200).to_json().encode()
    answer = accept_tap(terminal=field.terminal, body=body, now=NOON).answer
    assert (answer["result"], answer["reason"]["code"]) == ("suspended", "card_not_active")
    assert json.dumps(answer, ensure_ascii=False).count("卡片尚未激活") == 1
    waiting = WaitingPurchase.objects.get()
    assert (waiting.cause, waiting.owner) == ("card_not_active", "supervisor")
    assert (purse_fen(inert), balance("2241"), balance("2202.BUS")) == (800, 200, 0)
    assert settle_held(now=NOON).activated == 0
    activate_card(card=inert, actor=CLERK, occurred_at=SOON)
    assert settle_held(now=SOON).activated == 1
    done = HeldResolution.objects.get()
    assert (done.rule, done.party, done.paid_fen) == ("activated", "holder", 200)
    assert (purse_fen(inert), balance("2241"), balance("2202.BUS")) == (800, 0, 200)
    assert settle_held(now=LATER).activated == 0
    assert broken_invariants() == []


def test_a_card_that_is_never_activated_is_not_charged(field: Field, inert: Card) -> None:
    publish_terms()
    upload(field, field.tap(inert, 1, 200))
    assert settle_held(now=LATER).in_time == 1
    assert (HeldResolution.objects.get().rule, purse_fen(inert)) == ("not_decided", 1_000)
    assert broken_invariants() == []


def test_what_comes_in_after_activation_is_paid_whenever_it_was_made(field: Field, inert: Card) -> None:
    list_unusable(now=NOON - timedelta(hours=1))
    activate_card(card=inert, actor=CLERK, occurred_at=SOON)
    list_unusable(now=SOON)
    (tap,) = upload(field, field.tap(inert, 1, 200, occurred_at=NOON), now=SOON)
    assert tap.outcome == Tap.Outcome.ACCEPTED
    assert broken_invariants() == []


def test_stolen_stock_pays_nobody(field: Field) -> None:
    stolen = make_card(product=make_product(overdraft_fen=500), state=Card.State.PERSONALISED)
    (tap,) = upload(field, field.tap(stolen, 1, 300))
    assert tap.outcome == Tap.Outcome.CARD_NOT_ACTIVE
    assert not CardEvent.objects.filter(card=stolen, target=Card.State.ACTIVE).exists()
    assert (balance("2241"), balance("2202.BUS")) == (300, 0)
