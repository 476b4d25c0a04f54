"""What no rule decides takes two people, and is carried out once, as they said."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card
from accounts.services.ledger import set_account_state
from citizencard.core.errors import AlreadyDecided, InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from settlement.selectors.audit import broken_invariants
from settlement.services.clearing import clear_day
from terminals.errors import HeldDecided, HeldPlaceMissing, HeldProposed
from terminals.models import HeldProposal, HeldResolution, Tap, WaitingPurchase
from terminals.services.held import (
    approve_proposal,
    propose_purchase,
    propose_write_off,
    reject_proposal,
    settle_held,
)
from tests.factories import CLERK, fill_purse, make_card
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field
from tests.terminals.held.held_city import LATER, balance, held, purse_fen

pytestmark = pytest.mark.django_db
Outcome = Tap.Outcome


def decide(tap: Tap, paid_fen: int) -> HeldResolution:
    proposal = propose_purchase(
        tap_id=tap.id, paid_fen=paid_fen, actor="anna", reason="the bus was a long one"
    )
    approve_proposal(proposal=proposal, actor="bert")
    return HeldResolution.objects.get(tap_id=tap.id)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    outcome=st.sampled_from((Outcome.OVER_LIMIT, Outcome.OVER_PRICE, Outcome.COUNTER_CONFLICT)),
    filled_fen=st.sampled_from((0, 9_000)),
    more_fen=st.integers(1, 900),
    share=st.sampled_from((0, 1, 37, 99, 100)),
)
def test_the_merchant_gets_what_was_decided_and_the_holder_the_rest(
    terms: Field, outcome: Outcome, filled_fen: int, more_fen: int, share: int
) -> None:
    with transaction.atomic():
        card = make_card()
        if filled_fen:
            fill_purse(card, filled_fen)
        amount_fen = (5_000 if outcome == Outcome.OVER_LIMIT else 200) + more_fen
        tap = held(terms, card, outcome, amount_fen)
        paid_fen = amount_fen * share // 100
        done = decide(tap, paid_fen)
        assert (done.rule, done.paid_fen) == ("decided", paid_fen)
        assert done.party == ("holder" if paid_fen == amount_fen else "operator")
        assert (balance("2202.BUS"), balance("2241")) == (paid_fen, 0)
        pays = filled_fen > 0 and outcome != Outcome.COUNTER_CONFLICT
        assert purse_fen(card) == filled_fen - (paid_fen if pays else 0)
        assert balance("1221") == (0 if pays else paid_fen)
        assert sum(WaitingPurchase.objects.values_list("amount_fen", flat=True)) == balance("1221")
        assert broken_invariants() == []
        transaction.set_rollback(True)


def test_nobody_decides_alone_and_nothing_is_decided_twice(terms: Field, card: Card) -> None:
    tap = held(terms, card, Outcome.OVER_PRICE, 300)
    proposal = propose_purchase(tap_id=tap.id, paid_fen=200, actor="anna", reason="tariff")
    with pytest.raises(HeldProposed, match="anna"):
        propose_purchase(tap_id=tap.id, paid_fen=0, actor="bert", reason="no")
    for step in (
        lambda: approve_proposal(proposal=proposal, actor="anna"),
        lambda: reject_proposal(proposal=proposal, actor="anna", reason="mine"),
    ):
        with pytest.raises(MakerIsChecker):
            step()
    assert (balance("2241"), HeldResolution.objects.count()) == (300, 0)
    approve_proposal(proposal=proposal, actor="bert")
    assert approve_proposal(proposal=proposal, actor="cilia").checker == "bert"
    with pytest.raises(AlreadyDecided):
        reject_proposal(proposal=proposal, actor="cilia", reason="too late")
    with pytest.raises(HeldDecided):
        propose_purchase(tap_id=tap.id, paid_fen=0, actor="anna", reason="again")
    assert settle_held(now=LATER).in_time == 0
    assert (balance("2202.BUS"), purse_fen(card)) == (200, 9_800)
    actions = AuditEntry.objects.filter(action__startswith="held.").order_by("pk")
    assert list(actions.values_list("action", "actor")) == [
        ("held.propose", "anna"),
        ("held.approve", "bert"),
    ]


def test_what_is_rejected_may_be_proposed_otherwise(terms: Field, card: Card) -> None:
    tap = held(terms, card, Outcome.OVER_PRICE, 300)
    proposal = propose_purchase(tap_id=tap.id, paid_fen=0, actor="anna", reason="tariff")
    with pytest.raises(InvalidField):
        reject_proposal(proposal=proposal, actor="bert", reason=" ")
    rejected = reject_proposal(proposal=proposal, actor="bert", reason="the tariff says two yuan")
    assert (rejected.state, rejected.answer) == ("rejected", "the tariff says two yuan")
    with pytest.raises(AlreadyDecided):
        approve_proposal(proposal=proposal, actor="bert")
    assert decide(tap, 200).paid_fen == 200


@pytest.mark.parametrize(("paid_fen", "reason"), [(-1, "x"), (301, "x"), (100, " ")])
def test_a_proposal_stays_within_the_purchase_and_says_why(
    terms: Field, card: Card, paid_fen: int, reason: str
) -> None:
    tap = held(terms, card, Outcome.OVER_PRICE, 300)
    with pytest.raises(InvalidField):
        propose_purchase(tap_id=tap.id, paid_fen=paid_fen, actor="anna", reason=reason)


def test_what_has_no_place_to_go_back_to_is_not_decided(terms: Field, card: Card) -> None:
    tap = held(terms, card, Outcome.OVER_PRICE, 300)
    proposal = propose_purchase(tap_id=tap.id, paid_fen=100, actor="anna", reason="tariff")
    set_account_state(account=card.purse.account, state="closed", actor=CLERK, reason="test")
    with pytest.raises(HeldPlaceMissing):
        approve_proposal(proposal=proposal, actor="bert")
    assert (HeldProposal.objects.get().state, balance("2241")) == ("proposed", 300)


def test_what_is_decided_is_paid_with_the_day_of_the_decision(terms: Field, card: Card) -> None:
    tap = held(terms, card, Outcome.OVER_PRICE, 300)
    assert clear_day(day=TODAY).gross_fen == 0
    decide(tap, 200)
    run = clear_day(day=TODAY.replace(day=TODAY.day + 1))
    assert (run.gross_fen, broken_invariants()) == (200, [])


NEW = (
    "INSERT INTO terminals_heldproposal (what, subject_id, amount_fen, paid_fen, reason, maker, state, checker, answer)"
    " SELECT what, subject_id + 1, amount_fen, {}, state, checker, answer FROM terminals_heldproposal"
)
FORBIDDEN = {
    "the maker approves": "UPDATE terminals_heldproposal SET state = 'approved', checker = maker, checked_at = now()",
    "nobody approves": "UPDATE terminals_heldproposal SET state = 'approved', checked_at = now()",
    "more than was paid": NEW.format("amount_fen + 1, reason, maker"),
    "no amount": NEW.format("NULL, reason, maker"),
    "no reason": NEW.format("paid_fen, '', maker"),
    "a second one": "INSERT INTO terminals_heldproposal (what, subject_id, amount_fen, paid_fen, reason, maker, state, checker,"
    " answer) SELECT what, subject_id, amount_fen, paid_fen, reason, maker, state, checker, answer FROM terminals_heldproposal",
    "another amount meanwhile": "UPDATE terminals_heldproposal SET paid_fen = 99",
    "a proposal is removed": "DELETE FROM terminals_heldproposal",
    "a decision is rewritten": "UPDATE terminals_heldresolution SET paid_fen = 1",
    "a decision is taken back": "DELETE FROM terminals_heldresolution",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_database_keeps_four_eyes(terms: Field, card: Card, what: str) -> None:
    propose_purchase(
        tap_id=held(terms, card, Outcome.OVER_PRICE, 300).id, paid_fen=100, actor="anna", reason="tariff"
    )
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORBIDDEN[what])


def test_a_claim_is_written_off_by_two(terms: Field, card: Card) -> None:
    decide(held(terms, card, Outcome.COUNTER_CONFLICT, 300), 300)
    claim = WaitingPurchase.objects.get()
    assert (claim.what, claim.cause, claim.owner, claim.amount_fen) == (
        "claim",
        "counter_conflict",
        "finance",
        300,
    )
    proposal = propose_write_off(claim_id=claim.subject_id, actor="anna", reason="the copy was never found")
    with pytest.raises(MakerIsChecker):
        approve_proposal(proposal=proposal, actor="anna")
    approve_proposal(proposal=proposal, actor="bert")
    assert (balance("1221"), balance("6711"), WaitingPurchase.objects.count()) == (0, 300, 0)
    assert broken_invariants() == []
