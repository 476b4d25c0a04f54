"""Who activates a card proves to be its holder; the third wrong document closes it for half an hour."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.errors import ActivationLocked, IllegalCardTransition, ProofWrong
from accounts.models import ActivationLock, Card
from accounts.services.activation import activate_with_proof
from citizencard.core.models import AuditEntry
from tests.factories import CLERK, NOON, document_number, make_card, make_citizen

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
HOLDER = document_number()
STRANGER = document_number()


@pytest.fixture
def card(key_service: object) -> Card:
    """Issued to a known holder; there is a stranger, too."""
    make_citizen(document_number=STRANGER)
    return make_card(citizen=make_citizen(document_number=HOLDER), state=Card.State.ISSUED)


def attempt(card: Card, number: str, minutes: float = 0) -> Card:
    return activate_with_proof(
        card=card, document_number=number, actor=CLERK, occurred_at=NOON + timedelta(minutes=minutes)
    )


def test_the_holders_document_activates(card: Card) -> None:
    assert attempt(card, HOLDER.lower()).state == Card.State.ACTIVE
    entry = AuditEntry.objects.get(action="card.activate")
    assert (entry.actor, entry.subject) == (CLERK, f"card:{card.pan}")
    assert card.events.get(target="active").actor == CLERK
    assert ActivationLock.objects.get().wrong == 0
    with pytest.raises(IllegalCardTransition):
        attempt(card, HOLDER)


@pytest.mark.parametrize("wrong", [STRANGER, "350501195001010000", "", "x"])
def test_any_other_is_counted_and_nothing_changes(card: Card, wrong: str) -> None:
    with pytest.raises(ProofWrong) as refused:
        attempt(card, wrong)
    assert refused.value.data["left"] == 2
    card.refresh_from_db()
    assert (card.state, ActivationLock.objects.get().wrong) == (Card.State.ISSUED, 1)
    assert AuditEntry.objects.filter(action="card.activation_refused").count() == 1


def test_the_third_wrong_one_closes_it_for_thirty_minutes(card: Card) -> None:
    for minute in range(3):
        with pytest.raises(ProofWrong):
            attempt(card, STRANGER, minute)
    for minute in (2, 31.9):
        with pytest.raises(ActivationLocked) as locked:
            attempt(card, HOLDER, minute)
        assert locked.value.data["until"] == "12:32"
    # Open again, and the count begins anew.
    for _ in range(2):
        with pytest.raises(ProofWrong):
            attempt(card, STRANGER, 32)
    assert attempt(card, HOLDER, 33).state == Card.State.ACTIVE


def test_an_anonymous_card_has_nobody_to_prove() -> None:
    assert attempt(make_card(state=Card.State.ISSUED), "").state == Card.State.ACTIVE
