"""The database takes the steps of a card's life and no other; any walk through them loses no card and no fen."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.errors import CardHasFunds, IllegalCardTransition
from accounts.models import Card, CardEvent, Purse
from accounts.selectors.invariants import broken
from accounts.services import cards
from tests.factories import CLERK, NOON, fill_purse, make_card

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = Card.State
TRANSITIONS = list(Card._meta.get_field("state").get_all_transitions(Card))  # type: ignore[union-attr]
FSM = {
    (step.source, str(target))
    for step in TRANSITIONS
    for target in (getattr(step.target, "allowed_states", None) or (step.target,))
}
"""Every step that the model knows, from and to."""
SOURCES = {
    name: {step.source for step in TRANSITIONS if step.name == name}
    for name in {step.name for step in TRANSITIONS}
}
WALKS = int(os.environ.get("CARD_WALKS", "6"))
"""Of forty steps each; 250 make ten thousand."""


def test_the_database_takes_the_models_steps_and_no_other() -> None:
    card = make_card(state=State.BLANK)
    taken = set()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for source, target in product(State.values, State.values):
            cursor.execute("ALTER TABLE accounts_card DISABLE TRIGGER walks_its_life")
            cursor.execute("UPDATE accounts_card SET state = %s", [source])
            cursor.execute("ALTER TABLE accounts_card ENABLE TRIGGER walks_its_life")
            try:
                with transaction.atomic():
                    Card.objects.filter(pk=card.pk).update(state=target)
            except IntegrityError:
                continue
            taken.add((source, target))
    assert taken - {(state, state) for state in State.values} == FSM


def test_a_card_keeps_its_number() -> None:
    with pytest.raises(IntegrityError, match="goes from"), transaction.atomic():
        Card.objects.filter(pk=make_card().pk).update(pan="3104397099999999999")


def test_from_everywhere_a_card_comes_to_its_end() -> None:
    ending = {State.CLOSED.value}
    for _ in State:
        ending |= {source for source, target in FSM if target in ending}
    assert ending == set(State.values)


class Life(RuleBasedStateMachine):
    """A card with money, and every step tried at any time."""

    card: Card

    @initialize()
    def begin(self) -> None:
        self.run = transaction.atomic()
        self.run.__enter__()
        self.card = make_card()
        fill_purse(self.card, 500)
        self.state: str = State.ACTIVE
        self.steps = CardEvent.objects.filter(card=self.card).count()

    def teardown(self) -> None:
        if hasattr(self, "run"):
            assert broken() == []
            transaction.set_rollback(True)
            self.run.__exit__(None, None, None)

    @rule(
        step=st.sampled_from(
            [
                (cards.suspend_card, "suspend"),
                (cards.let_card_go_on, "let_go_on"),
                (cards.mark_lost_for_now, "report_lost_for_now"),
                (cards.mark_lost, "report_lost"),
                (cards.mark_found, "recover"),
                (cards.close_card, "close"),
            ]
        )
    )
    def any_step(self, step: tuple[Callable[..., Card], str]) -> None:
        """Taken, if the model has it; else refused, and nothing has changed. Nobody closes a card with money on it."""
        service, name = step
        try:
            moved = service(card=self.card, actor=CLERK, reason="why", occurred_at=NOON)
        except (IllegalCardTransition, CardHasFunds):
            assert name == "close" or self.state not in SOURCES[name]
        else:
            assert name != "close"
            assert self.state in SOURCES[name]
            self.state, self.steps = moved.state, self.steps + 1

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "run"):
            assert Card.objects.get(pk=self.card.pk).state == self.state
            assert Purse.objects.get(card=self.card).balance_fen == 500
            last = CardEvent.objects.filter(card=self.card).order_by("pk").last()
            assert last is not None
            assert (last.target, last.actor, last.card.events.count()) == (self.state, CLERK, self.steps)


def test_any_walk_keeps_card_money_and_story() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
