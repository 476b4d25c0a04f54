"""A purchase whose key version was taken out of use is no forgery, and no proof either: kept, held, believed by nobody."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import Card, LedgerAccount, Purse, Transfer
from accounts.selectors.balances import account_balance_fen
from citizencard.core.keyservice.calls.custody import Credentials, CustodyCalls
from citizencard.core.keyservice.demonstration import PASSPHRASE
from citizencard.core.keyservice.roles import Role
from settlement.selectors.audit import broken_invariants
from terminals.models import Batch, Tap, Terminal, WaitingPurchase
from terminals.services.acceptance import accept_batch, accept_tap
from terminals.services.held import approve_proposal, propose_purchase
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.fixtures_core import DEMO_KEYS, KeyServiceProcess
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


@pytest.fixture
def custody(field: Field) -> Iterator[CustodyCalls]:
    """A key service of our own, in which custodians may take keys out of use."""
    with tempfile.TemporaryDirectory(prefix="cc-keys-") as name:
        folder = Path(name)
        folder.chmod(0o700)
        socket = folder / "keys.sock"
        service = KeyServiceProcess(socket, "--demo-keys", str(DEMO_KEYS), "--state", str(folder))
        service.start()
        before, settings.KEY_SERVICE_SOCKET = settings.KEY_SERVICE_SOCKET, str(socket)
        yield CustodyCalls(socket, role=Role.CUSTODIAN)
        settings.KEY_SERVICE_SOCKET = before
        service.kill()


def upload(field: Field, number: str, *taps: TapRecord) -> Batch:
    return accept_batch(terminal=field.terminal, body=build_batch(number, taps))


def counts(batch: Batch) -> tuple[int, int, int, int]:
    return batch.accepted, batch.suspended, batch.duplicate, batch.rejected


def test_what_cannot_be_checked_any_more_is_held_and_moves_no_purse(
    field: Field, card: Card, custody: CustodyCalls
) -> None:
    before, after, other = field.tap(card, 1), field.tap(card, 2, 300), field.tap(card, 3, key_version=2)
    assert counts(upload(field, "B1", before)) == (1, 0, 0, 0)
    custody.disable(Credentials("demo-1", PASSPHRASE), ["TAC/1"])

    held = upload(field, "B2", after, after, other)
    assert counts(held) == (1, 1, 1, 0)
    assert [item["code"] for item in held.answer["problems"]] == ["key_unusable", "duplicate"]
    tap = Tap.objects.get(outcome=Tap.Outcome.KEY_UNUSABLE)
    transfer = Transfer.objects.get(source_id=tap.id, kind=Transfer.Kind.PURCHASE_HELD)
    code = dict(LedgerAccount.objects.values_list("id", "code"))
    assert (code[transfer.debit_id], code[transfer.credit_id], transfer.amount_fen) == ("1221", "2241", 300)

    purse = Purse.objects.get(card=card)
    assert purse.balance_fen == 10_000 - 200 - 200
    assert [bounds.lower for bounds in purse.offline_seen] == [1, 3]
    seen = Terminal.objects.get(pk=field.terminal.pk).sequences_seen
    assert not any(after.terminal_seq in bounds for bounds in seen)
    assert broken_invariants() == []

    waiting = WaitingPurchase.objects.get()
    assert waiting.cause == "key_unusable"
    proposal = propose_purchase(
        tap_id=waiting.subject_id, paid_fen=0, actor="anna", reason="not to be checked"
    )
    approve_proposal(proposal=proposal, actor="bert")
    assert account_balance_fen(LedgerAccount.objects.get(code="1221").pk) == 0
    assert broken_invariants() == []


def test_the_same_file_again_is_the_same_file(field: Field, card: Card, custody: CustodyCalls) -> None:
    paid, held = field.tap(card, 1), field.tap(card, 2)
    upload(field, "B1", paid)
    custody.disable(Credentials("demo-1", PASSPHRASE), ["TAC/1"])
    assert counts(upload(field, "B2", paid, held)) == (0, 1, 1, 0)
    assert counts(upload(field, "B3", held, paid)) == (0, 0, 2, 0)
    assert accept_tap(terminal=field.terminal, body=held.to_json().encode()).answer["result"] == "duplicate"
    assert counts(upload(field, "B4", replace(held, amount_fen=201))) == (0, 1, 0, 0)
    assert broken_invariants() == []


def test_a_version_that_never_was_proves_nothing_to_hold(
    field: Field, card: Card, custody: CustodyCalls
) -> None:
    tap = replace(field.tap(card, 1), key_version=77)
    assert upload(field, "B1", tap).answer["problems"][0]["code"] == "bad_tac"
