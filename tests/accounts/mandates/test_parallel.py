"""Several collectors at once, and a loss report among them. Real transactions, real threads."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from accounts.models import Mandate, MandateCollection, Purse
from accounts.selectors import invariants
from accounts.services import direct_debit
from accounts.services.cards import mark_lost
from accounts.services.direct_debit import collect_due
from tests.accounts.mandates.bank import Bank
from tests.accounts.threads import in_threads
from tests.factories import CLERK, NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("open_day")]

CLIENTS = 8


def test_collectors_at_once_debit_once(mandate: Mandate, bank: Bank) -> None:
    assert sum(in_threads(CLIENTS, lambda _: collect_due(now=NOON))) == 1
    assert bank.debited_fen == Purse.objects.get(pk=mandate.purse_id).balance_fen == 5_000
    assert MandateCollection.objects.count() == 1
    assert invariants.broken() == []


def test_collectors_at_once_keep_the_caps(mandate: Mandate, bank: Bank) -> None:
    Mandate.objects.update(threshold_fen=100_000)
    in_threads(CLIENTS, lambda _: [collect_due(now=NOON) for _ in range(3)])
    assert bank.debited_fen == mandate.day_cap_fen == 10_000
    assert Purse.objects.get(pk=mandate.purse_id).balance_fen == 10_000


def test_without_asking_again_under_the_lock_collectors_would_start_many(
    mandate: Mandate, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: trust what was due before the lock, and the first answer lets the others debit as well."""
    due = direct_debit._due
    monkeypatch.setattr(
        direct_debit, "_due", lambda today, only=None: [only] if only is not None else due(today)
    )
    outcomes = in_threads(CLIENTS, lambda _: collect_due(now=NOON), IntegrityError)
    starts = len(set(bank.asked))
    assert starts > 1 or any(isinstance(outcome, IntegrityError) for outcome in outcomes)


def test_a_loss_report_among_collectors(mandate: Mandate, bank: Bank) -> None:
    """Whoever comes first: what was debited is booked, and after the report nothing is begun."""
    Mandate.objects.update(threshold_fen=100_000)
    card = mandate.purse.card

    def work(number: int) -> object:
        if number == 0:
            return mark_lost(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
        return [collect_due(now=NOON) for _ in range(3)]

    in_threads(CLIENTS, work)
    begun = len(bank.asked)
    collect_due(now=NOON)
    assert len(bank.asked) == begun
    assert bank.debited_fen == Purse.objects.get(pk=mandate.purse_id).balance_fen
    assert invariants.broken() == []
