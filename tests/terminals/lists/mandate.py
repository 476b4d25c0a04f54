"""An active mandate on a card's chip purse, as if the bank had agreed; and a promise in force."""

from __future__ import annotations

from datetime import date

from accounts.models import Card, Mandate
from terminals.services.policies import publish_hot_list_policy
from tests.accounts.mandates.asking import ask_for_mandate
from tests.factories import CLERK, NOON


def promised(minutes: int) -> None:
    """From the year's beginning on."""
    publish_hot_list_policy(
        valid_from=date(2026, 1, 1),
        promise_minutes=minutes,
        grace_minutes=10,
        legal_basis="test",
        actor=CLERK,
    )


def active_mandate(card: Card) -> Mandate:
    """The bank is not asked: here only its end matters."""
    mandate = ask_for_mandate(card.purse, citizen=card.citizen)
    mandate.activate()
    mandate.activated_at = NOON
    mandate.gateway_method, mandate.gateway_mandate = "pm_1", "mandate_1"
    mandate.save()
    return mandate
