"""A purse is frozen while its taps arrive: one waits for the other, and the upload is never refused."""

from __future__ import annotations

import pytest

from accounts.models import Card, LedgerAccount, Purse
from accounts.services.ledger import set_account_state
from terminals.models import Tap
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.accounts.threads import waits_for
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db(transaction=True)


def freeze(card: Card) -> None:
    set_account_state(
        account=card.purse.account, state=LedgerAccount.State.FROZEN, actor="auditor", reason="test"
    )


def balance(card: Card) -> int:
    return Purse.objects.get(card=card).balance_fen


def test_who_freezes_waits_for_the_upload(field: Field, card: Card) -> None:
    body = build_batch("B1", [field.tap(card, 1, 200)])
    waits_for(lambda: accept_batch(terminal=field.terminal, body=body), lambda: freeze(card))
    assert Tap.objects.get().outcome == Tap.Outcome.ACCEPTED
    assert balance(card) == 9_800
    assert LedgerAccount.objects.get(pk=card.purse.account_id).state == LedgerAccount.State.FROZEN


def test_an_upload_waits_for_who_freezes_and_makes_a_claim(field: Field, card: Card) -> None:
    body = build_batch("B1", [field.tap(card, 1, 200)])
    waits_for(lambda: freeze(card), lambda: accept_batch(terminal=field.terminal, body=body))
    assert Tap.objects.get().outcome == Tap.Outcome.OVER_BALANCE
    assert balance(card) == 10_000
