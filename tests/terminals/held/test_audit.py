"""The audit finds whatever somebody with all rights could do to decisions, claims and the money that waits."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.models import Card
from terminals.models import Tap, WaitingPurchase
from terminals.selectors.invariants import broken
from terminals.services.held import approve_proposal, propose_purchase, propose_write_off
from tests.terminals.field import Field
from tests.terminals.held.held_city import held

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def decided(terms: Field, card: Card) -> None:
    """One held purchase shared between merchant and holder, one paid out of nowhere and written off, one that waits."""
    for atc, (outcome, paid_fen) in enumerate(
        ((Tap.Outcome.OVER_PRICE, 200), (Tap.Outcome.COUNTER_CONFLICT, 300)), 1
    ):
        tap = held(terms, card, outcome, 300, atc)
        proposal = propose_purchase(tap_id=tap.id, paid_fen=paid_fen, actor="anna", reason="test")
        approve_proposal(proposal=proposal, actor="bert")
    claim = WaitingPurchase.objects.get()
    proposal = propose_write_off(claim_id=claim.subject_id, actor="anna", reason="test")
    approve_proposal(proposal=proposal, actor="bert")
    held(terms, card, Tap.Outcome.OVER_PRICE, 400, 3)


def test_two_peoples_decisions_break_nothing() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("DELETE FROM accounts_transfer WHERE kind = 41", "transfers that its rule asks for"),
        ("UPDATE accounts_transfer SET amount_fen = 201 WHERE kind = 40 AND amount_fen = 200", "its rule asks for"),
        ("UPDATE terminals_heldresolution SET outcome = 5 WHERE outcome = 6", "a tap that was held"),
        ("UPDATE terminals_heldproposal SET paid_fen = 199 WHERE paid_fen = 200", "done as they said"),
        ("UPDATE terminals_heldproposal SET state = 'rejected', answer = 'x' WHERE what = 'claim'", "as they said"),
        ("DELETE FROM terminals_claimresolution", "every claim not settled is there"),
        ("DELETE FROM accounts_transfer WHERE kind = 48", "has its one transfer"),
        ("UPDATE terminals_claimresolution SET rule = 'collected', proposal_id = NULL, purse_account_id ="
         " (SELECT min(account_id) FROM accounts_purse WHERE kind = 'chip')", "has its one transfer"),
        ("UPDATE terminals_tap SET outcome = 1 WHERE amount_fen = 400", "what waits in suspense"),
    ],
)  # fmt: skip
def test_tampering_is_found(statement: str, rule: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        assert cursor.rowcount
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    found = broken()
    assert any(rule in breach.invariant for breach in found), found
