"""Rows with a protected state: read anew as Django does it, in any number of threads, and never open to assignment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django_fsm import FSMField

from accounts.errors import IllegalCardTransition
from accounts.models import Card
from accounts.services import cards
from citizencard.core.errors import NotFound
from citizencard.core.states import StatefulModel, step_to
from tests.accounts.threads import in_threads
from tests.factories import CLERK, make_card

State = Card.State


@pytest.fixture
def stale(db: None) -> Card:
    """A card that has been personalised since it was read."""
    card = make_card(state=State.BLANK)
    cards.mark_personalised(card=card, actor=CLERK)
    return card


def assert_protected(card: Card) -> None:
    before = card.state
    with pytest.raises(AttributeError, match="modification is not allowed"):
        card.state = State.CLOSED
    assert card.state == before


def test_every_state_is_protected_and_can_be_read_anew() -> None:
    stateful = {
        model: field
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, FSMField)
    }
    assert len(stateful) >= 11
    assert all(field.protected for field in stateful.values())
    assert [model for model in stateful if not issubclass(model, StatefulModel)] == []


def test_a_row_is_read_anew_in_one_query(stale: Card, django_assert_num_queries: Any) -> None:
    Card.objects.filter(pk=stale.pk).update(key_version=2)
    with django_assert_num_queries(1):
        stale.refresh_from_db()
        assert (stale.state, stale.key_version) == (State.PERSONALISED, 2)
    assert_protected(stale)


def test_only_what_was_asked_for_is_read(stale: Card) -> None:
    Card.objects.filter(pk=stale.pk).update(key_version=2)
    stale.refresh_from_db(fields=["key_version"])
    assert (stale.state, stale.key_version) == (State.BLANK, 2)
    assert_protected(stale)
    Card.objects.filter(pk=stale.pk).update(key_version=3)
    stale.refresh_from_db(fields=(name for name in ["state"]))
    assert (stale.state, stale.key_version) == (State.PERSONALISED, 2)
    assert_protected(stale)


def test_what_is_deferred_stays_so_until_it_is_wanted(stale: Card, django_assert_num_queries: Any) -> None:
    card = Card.objects.defer("state", "valid_to").get(pk=stale.pk)
    card.refresh_from_db()
    assert card.get_deferred_fields() == {"state", "valid_to"}
    with django_assert_num_queries(1):
        assert (card.state, card.state) == (State.PERSONALISED, State.PERSONALISED)
    assert_protected(card)


def test_the_callers_query_is_used(stale: Card, django_assert_num_queries: Any) -> None:
    stale.refresh_from_db(from_queryset=Card.objects.only("pan"))
    assert stale.state == State.BLANK
    with django_assert_num_queries(1):
        stale.refresh_from_db(from_queryset=Card.objects.select_related("product"))
        assert (stale.state, stale.product.code) == (State.PERSONALISED, "anonymous")
    assert_protected(stale)


def test_a_row_that_is_gone_stays_as_it_was_seen(stale: Card) -> None:
    with pytest.raises(Card.DoesNotExist):
        stale.refresh_from_db(from_queryset=Card.objects.none())
    assert stale.state == State.BLANK
    assert stale.get_deferred_fields() == set()
    assert_protected(stale)


def test_nothing_changes_for_others_while_a_row_is_read(stale: Card) -> None:
    """What another thread may do between the question and the answer: assign, and read another row anew."""
    other = make_card(state=State.BLANK)
    seen = []

    def between(execute: Callable[..., Any], *args: Any) -> Any:
        if not seen:
            seen.append(other.pk)
            assert_protected(other)
            other.refresh_from_db()
        return execute(*args)

    with connection.execute_wrapper(between):
        stale.refresh_from_db()
    assert seen
    assert stale.state == State.PERSONALISED
    assert_protected(stale)


@pytest.mark.django_db(transaction=True)
def test_many_threads_read_anew_and_none_may_assign() -> None:
    made = [make_card(state=State.BLANK) for _ in range(8)]

    def work(number: int) -> None:
        for _ in range(50):
            made[number].refresh_from_db()
            assert_protected(made[number])

    assert in_threads(len(made), work, AttributeError, AssertionError, pytest.fail.Exception) == [None] * 8


def test_a_step_that_does_not_exist_is_refused_by_name(stale: Card) -> None:
    with (
        pytest.raises(IllegalCardTransition) as refusal,
        step_to(State.ACTIVE, IllegalCardTransition),
    ):
        stale.activate()
    assert refusal.value.data == {"source": State.BLANK.label, "target": State.ACTIVE.label}
    assert stale.state == State.BLANK


def test_a_step_is_taken_and_other_refusals_pass(stale: Card) -> None:
    with step_to(State.PERSONALISED, IllegalCardTransition):
        stale.personalise()
    assert stale.state == State.PERSONALISED
    with pytest.raises(NotFound), step_to(State.ISSUED, IllegalCardTransition):
        raise NotFound(what="the holder")
