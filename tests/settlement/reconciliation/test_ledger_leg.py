"""Centre and ledger: what is held waits for its decision, and whoever changes the books is found."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Card
from settlement.models import Difference, Reconciliation
from settlement.selectors.audit import broken_invariants
from settlement.services.clearing import clear_day
from settlement.services.reconciling import reconcile_day, reconcile_due_days
from terminals.models import Tap
from terminals.services.held import approve_proposal, propose_purchase
from tests.settlement.reconciliation.street import CHECKER, DAY, MAKER, night, one, standing, tell, upload
from tests.settlement.test_audit import tamper
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


def test_held_purchases_and_claims_are_differences_of_their_owners(city: date) -> None:
    clear_day(day=city)
    found = set(Difference.objects.values_list("kind", "owner", "ours_fen", "theirs_fen", "state"))
    assert found == {
        ("hot_listed", "supervisor", 0, 500, "open"),
        ("counter_conflict", "supervisor", 0, 640, "open"),
        ("over_balance", "finance", 75, 75, "open"),
    }
    assert broken_invariants() == []


def test_a_held_purchase_ends_when_two_people_have_decided_it(field: Field, card: Card) -> None:
    records = [field.tap(card, 1, 200), field.tap(card, 1, 300)]
    upload(field, "B1", *records)
    tell(field, records)
    assert night() == {"counter_conflict": "open"}
    held = Tap.objects.get(outcome=Tap.Outcome.COUNTER_CONFLICT)
    proposal = propose_purchase(tap_id=held.id, paid_fen=300, actor=MAKER, reason="经核实")
    reconcile_due_days()
    assert standing() == {"counter_conflict": "open"}
    approve_proposal(proposal=proposal, actor=CHECKER)
    reconcile_due_days()
    assert standing() == {"counter_conflict": "explained"}


@pytest.mark.parametrize(
    ("change", "kind", "figures"),
    [
        ("DELETE FROM accounts_transfer WHERE kind = 10 AND amount_fen = 350", "not_in_ledger", (0, 350)),
        ("DELETE FROM terminals_tap WHERE amount_fen = 350", "not_a_purchase", (350, 0)),
        ("UPDATE accounts_transfer SET amount_fen = 351 WHERE kind = 10 AND amount_fen = 350", "ledger_differs", (351, 350)),
        ("UPDATE terminals_tap SET outcome = 2 WHERE amount_fen = 350", "ledger_differs", (0, 350)),
    ],
)  # fmt: skip
def test_books_changed_behind_our_back_are_found(
    city: date, change: str, kind: str, figures: tuple[int, int]
) -> None:
    clear_day(day=city)
    tamper(change)
    assert "what a comparison finds is a difference on record" in {
        breach.invariant for breach in broken_invariants()
    }
    reconcile_day(day=city)
    found = one(kind)
    assert (found.ours_fen, found.theirs_fen, found.owner) == (*figures, "supervisor")
    assert "what a comparison finds is a difference on record" not in {
        breach.invariant for breach in broken_invariants()
    }


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("DELETE FROM settlement_difference WHERE kind = 'hot_listed'", "what a comparison finds is a difference on record"),
        ("UPDATE settlement_difference SET state = 'explained', closed_at = now() WHERE kind = 'hot_listed'",
         "a difference explained has its explanation"),
        ("UPDATE settlement_difference SET theirs_fen = 1 WHERE kind = 'hot_listed'", "the history of a difference ends as it stands"),
        ("DELETE FROM settlement_differencestep", "the history of a difference ends as it stands"),
    ],
)  # fmt: skip
def test_what_a_superuser_takes_away_the_audit_finds(city: date, change: str, rule: str) -> None:
    clear_day(day=city)
    tamper(change)
    assert rule in {breach.invariant for breach in broken_invariants()}


def test_a_date_is_compared_after_it_is_sealed_and_a_missed_one_is_made_up_for(
    city: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("settlement.services.clearing.reconcile_due_days", lambda: None)
    clear_day(day=city)
    assert not Reconciliation.objects.exists()
    assert reconcile_due_days() == [city]
    assert reconcile_due_days() == []


def test_the_command_says_what_is_open_and_what_is_over_age(
    field: Field, card: Card, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [field.tap(card, 1, 200), field.tap(card, 2, 300)]
    upload(field, "B1", records[0])
    tell(field, records)
    with pytest.raises(CommandError) as refused:
        call_command("reconcile", str(DAY))
    assert refused.value.returncode == 2
    night()
    call_command("reconcile", str(DAY), "--json")
    content = capsys.readouterr().out
    assert '"kind": "missing_upload"' in content
    assert '"told_records": 2' in content
    tamper("UPDATE settlement_difference SET since = since - interval '4 days'")
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", str(DAY))
    assert ended.value.code == 1
    assert "missing_upload" not in capsys.readouterr().out
