"""A purse is frozen while its taps arrive: one waits for the other, and the upload is never refused."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from accounts.models import Card, LedgerAccount, Purse
from accounts.services.ledger import set_account_state
from terminals.models import Tap
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 0.5
"""How long the one who must wait is watched waiting."""


def freeze(card: Card) -> None:
    set_account_state(
        account=card.purse.account, state=LedgerAccount.State.FROZEN, actor="auditor", reason="test"
    )


def meanwhile(first: Callable[[], object], second: Callable[[], object]) -> None:
    """Do `first`, and commit it only when `second`, begun from another thread, has been seen waiting."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            second()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        thread.join(PATIENCE_SECONDS)
        assert thread.is_alive(), "nobody waited"
    thread.join(30)
    assert failures == []


def balance(card: Card) -> int:
    return Purse.objects.get(card=card).balance_fen


def test_who_freezes_waits_for_the_upload(field: Field, card: Card) -> None:
    body = build_batch("B1", [field.tap(card, 1, 200)])
    meanwhile(lambda: accept_batch(terminal=field.terminal, body=body), lambda: freeze(card))
    assert Tap.objects.get().outcome == Tap.Outcome.ACCEPTED
    assert balance(card) == 9_800
    assert LedgerAccount.objects.get(pk=card.purse.account_id).state == LedgerAccount.State.FROZEN


def test_an_upload_waits_for_who_freezes_and_makes_a_claim(field: Field, card: Card) -> None:
    body = build_batch("B1", [field.tap(card, 1, 200)])
    meanwhile(lambda: freeze(card), lambda: accept_batch(terminal=field.terminal, body=body))
    assert Tap.objects.get().outcome == Tap.Outcome.OVER_BALANCE
    assert balance(card) == 10_000
