"""Terminals and centre: each kind of difference made, found, and closed by its cure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import Card
from settlement.errors import NotReconcilable
from settlement.models import DifferenceStep
from settlement.selectors.audit import broken_invariants
from settlement.services.reconciling import ACTOR, reconcile_day, reconcile_due_days
from tests.settlement.reconciliation.street import DAY, NEXT, night, one, standing, tell, told, upload
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


def test_a_day_on_which_all_agree_has_no_difference(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 4)]
    upload(field, "B1", *records)
    tell(field, records)
    assert night() == {}
    assert broken_invariants() == []


def test_what_the_terminal_has_and_did_not_upload_is_missing_until_it_comes(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200 + atc) for atc in range(1, 4)]
    upload(field, "B1", records[0])
    tell(field, records)
    assert night() == {"missing_upload": "open"}
    missing = one("missing_upload")
    assert (missing.count, missing.ours_fen, missing.theirs_fen, missing.amount_fen) == (2, 201, 606, 405)
    assert (missing.terminal, missing.owner, missing.business_date) == (field.terminal, "finance", DAY)
    upload(field, "B2", *records[1:])
    assert night(NEXT) == {"missing_upload": "explained"}
    assert told(one("missing_upload")) == [("open", ACTOR), ("explained", ACTOR)]
    assert broken_invariants() == []


def test_a_total_that_comes_late_is_compared_with_the_dates_gone_by(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 4)]
    upload(field, "B1", *records[:2])
    assert night() == {}
    tell(field, records)
    assert reconcile_due_days() == [DAY]
    assert standing() == {"missing_upload": "open"}
    assert one("missing_upload").ours_fen == 400


def test_more_than_the_total_says(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 4)]
    upload(field, "B1", *records)
    tell(field, [records[0], records[2]])
    assert night() == {"beyond_total": "open"}
    assert one("beyond_total").count == 1


def test_as_many_records_and_another_sum(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 4)]
    upload(field, "B1", *records)
    tell(field, records, extra_fen=50)
    assert night() == {"amount_differs": "open"}
    assert one("amount_differs").amount_fen == 50


def test_a_purchase_whose_end_only_the_card_knows_is_in_no_total(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 4)]
    upload(field, "B1", *records)
    tell(field, [records[0], records[2]], unfinished=[records[1].terminal_seq])
    assert night() == {}


def test_purchases_that_no_total_covers_are_said_a_day_later(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 5)]
    upload(field, "B1", *records)
    tell(field, records[:2])
    assert night() == {}
    assert night(NEXT) == {"total_missing": "open"}
    assert (one("total_missing").count, one("total_missing").ours_fen) == (2, 400)
    tell(field, records[2:])
    reconcile_due_days()
    assert standing() == {"total_missing": "explained"}


def test_a_terminal_that_never_told_a_total_is_not_asked_for_one(field: Field, card: Card) -> None:
    upload(field, "B1", field.tap(card, 1))
    night()
    assert night(NEXT) == {}


def test_the_same_records_again_are_a_difference_that_is_explained(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 4)]
    upload(field, "B1", *records)
    upload(field, "B2", *records[:2])
    tell(field, records)
    assert night() == {"duplicate": "explained"}
    assert (one("duplicate").count, one("duplicate").theirs_fen) == (2, 400)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("bad_tac", {"tac": "00000000"}),
        ("unknown_card", {"card_no": "3104397099999999999"}),
        ("illegal_data", {"amount_fen": -1}),
        ("future", {"occurred_at": timezone.now() + timedelta(days=2)}),
    ],
)
def test_a_refused_record_is_no_missing_upload_and_ends_when_it_is_accepted(
    field: Field, card: Card, code: str, change: dict[str, object]
) -> None:
    first, right = field.tap(card, 1, 200), field.tap(card, 2, 300)
    wrong = replace(right, **change)  # type: ignore[arg-type]
    upload(field, "B1", first, wrong)
    told_fen = first.amount_fen + max(wrong.amount_fen, 0)
    tell(field, [first, right], extra_fen=told_fen - first.amount_fen - right.amount_fen)
    assert night() == {code: "open"}
    refused = one(code)
    assert (refused.terminal_seq, refused.count, refused.ours_fen) == (right.terminal_seq, 1, 0)
    upload(field, "B2", right)
    assert night(NEXT)[code] == "explained"


def test_a_record_refused_on_a_later_date_is_part_of_its_window(field: Field, card: Card) -> None:
    records = [field.tap(card, 1, 200), field.tap(card, 2, 300)]
    upload(field, "B1", records[0])
    tell(field, records)
    assert night() == {"missing_upload": "open"}
    upload(field, "B2", replace(records[1], amount_fen=250, tac="00000000"))
    assert night(NEXT) == {"missing_upload": "explained", "bad_tac": "open", "amount_differs": "open"}
    assert one("amount_differs").amount_fen == 50


def test_a_record_of_another_terminal_stays_until_people_decide(field: Field, card: Card) -> None:
    upload(field, "B1", replace(field.tap(card, 1), terminal_no="FFFFFFFFFFFF"))
    assert night() == {"terminal_mismatch": "open"}
    assert one("terminal_mismatch").terminal_seq is None


def test_comparing_again_changes_nothing(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 4)]
    upload(field, "B1", records[0], replace(records[1], tac="00000000"))
    upload(field, "B2", records[0])
    tell(field, records)
    before = night()
    assert before == {"bad_tac": "open", "duplicate": "explained", "missing_upload": "open"}
    steps = DifferenceStep.objects.count()
    for _ in range(2):
        reconcile_day(day=DAY)
        reconcile_due_days()
    assert (standing(), DifferenceStep.objects.count()) == (before, steps)


def test_an_open_date_is_not_compared(field: Field) -> None:
    with pytest.raises(NotReconcilable):
        reconcile_day(day=DAY)


REWRITTEN = (
    "DELETE FROM settlement_difference",
    "UPDATE settlement_difference SET kind = 'future'",
    "UPDATE settlement_difference SET since = now()",
    "DELETE FROM settlement_differencestep",
    "UPDATE settlement_differencestep SET actor = 'nobody'",
    "UPDATE settlement_windowcount SET records = 0",
    "DELETE FROM settlement_reconciliation",
    "UPDATE settlement_difference SET state = 'resolved', reason = 'r', proposed_by = 'a', decided_by = 'a', closed_at = now()",
    "UPDATE settlement_difference SET state = 'open', count = 0",
)


def test_nothing_of_it_vanishes_or_is_rewritten(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in range(1, 4)]
    upload(field, "B1", records[0])
    tell(field, records)
    night()
    for statement in REWRITTEN:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert standing() == {"missing_upload": "open"}
