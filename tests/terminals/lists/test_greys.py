"""Purchases without proof: kept once, judged by what the chip shows later, and never paid twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, CardFlag, LedgerAccount, Purse, TopUpOrder
from accounts.selectors.balances import account_balance_fen
from settlement.selectors.audit import broken_invariants
from settlement.services.clearing import clear_day
from terminals.models import Grey, GreyStep, Refusal, Terminal
from terminals.selectors.statement import card_statement
from terminals.services.acceptance import accept_batch
from terminals.services.greys import accept_greys, settle_greys
from terminals.services.hotlist import report_loss
from terminals.services.policies import publish_parameters
from terminals.wire.batch import build_batch
from terminals.wire.grey import GreyRecord, build_greys
from terminals.wire.record import TapRecord
from tests.factories import CLERK, NOON, fill_purse, make_card
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field, deliver
from tests.terminals.publishing.test_documents import PARAMETERS

pytestmark = pytest.mark.django_db


def torn(field: Field, card: Card, atc: int, balance_fen: int, amount_fen: int = 200) -> TapRecord:
    """A purchase as the terminal meant it: the chip at this counter, with this balance if it was debited."""
    return field.tap(card, atc, amount_fen, balance_fen=balance_fen)


def report(field: Field, *greys: tuple[TapRecord, str]) -> int:
    body = build_greys(GreyRecord(record, cause) for record, cause in greys)
    return accept_greys(terminal=field.terminal, body=body)


def upload(field: Field, *records: TapRecord) -> None:
    accept_batch(terminal=field.terminal, body=build_batch(f"B-{records[0].terminal_seq}", records))


def stories() -> dict[str, str]:
    """How each report ended, by its cause; `open` if it has not."""
    steps = GreyStep.objects.order_by("id").values_list("grey__cause", "rule", "state")
    return {cause: rule if state != "open" else "open" for cause, rule, state in steps}


def purse_fen(card: Card) -> int:
    return Purse.objects.get(card=card).balance_fen


def test_the_next_record_shows_that_it_was_paid(field: Field, card: Card) -> None:
    grey = torn(field, card, 5, 9_800)
    report(field, (grey, "no_answer"))
    assert (settle_greys(), stories()) == (0, {"no_answer": "open"})
    upload(field, field.tap(card, 6, 300, balance_fen=9_500))
    assert (settle_greys(), stories()) == (1, {"no_answer": "reduced"})
    assert purse_fen(card) == 10_000 - 500
    assert Purse.objects.get(card=card).offline_seen[0].lower == 5
    assert settle_greys() == 0
    assert broken_invariants() == []
    assert [line.amount_fen for line in card_statement(card=card)] == [-300, -200]
    assert clear_day(day=TODAY).gross_fen == 500


@pytest.mark.parametrize(
    ("atc", "balance_fen", "rule"),
    [(6, 9_700, "not_reduced"), (5, 9_700, "counter_used"), (6, 9_000, "open"), (7, 9_500, "open")],
)
def test_the_next_record_shows_that_it_was_not_or_shows_nothing(
    field: Field, card: Card, atc: int, balance_fen: int, rule: str
) -> None:
    report(field, (torn(field, card, 5, 9_800), "no_answer"))
    upload(field, field.tap(card, atc, 300, balance_fen=balance_fen))
    settle_greys()
    assert stories() == {"no_answer": rule}
    assert purse_fen(card) == 9_700
    assert broken_invariants() == []


@pytest.mark.parametrize(("before_fen", "rule"), [(9_800, "reduced"), (10_000, "not_reduced"), (1, "open")])
def test_a_loads_proven_balance_shows_it(field: Field, card: Card, before_fen: int, rule: str) -> None:
    grey = torn(field, card, 5, 9_800)
    report(field, (grey, "no_answer"))
    loaded = {"state": "loaded", "online_atc": 3, "balance_before_fen": before_fen, "paid_at": NOON}
    TopUpOrder.objects.create(
        number="T1", card=card, purse=card.purse, amount_fen=1_000, channel="cash", actor=CLERK, occurred_at=NOON,
        loaded_at=grey.occurred_at + timedelta(hours=1), terminal_no="0" * 12, **loaded,
    )  # fmt: skip
    settle_greys()
    assert stories() == {"no_answer": rule}


def test_the_chips_log_settles_at_once_and_not_paid_ends_it(field: Field, card: Card) -> None:
    first, second = torn(field, card, 5, 9_800), torn(field, card, 6, 9_600)
    report(field, (first, "logged"), (second, "no_answer"))
    settle_greys()
    assert stories() == {"logged": "logged", "no_answer": "open"}
    report(field, (second, "not_paid"))
    settle_greys()
    assert stories() == {"logged": "logged", "no_answer": "not_paid", "not_paid": "not_paid"}
    assert purse_fen(card) == 9_800


def test_a_proven_record_that_comes_first_replaces_it_and_one_that_comes_later_pays_nothing(
    field: Field, card: Card
) -> None:
    early, late = torn(field, card, 5, 9_800), torn(field, card, 6, 9_600)
    report(field, (early, "no_answer"), (late, "logged"))
    upload(field, early)
    settle_greys()
    assert stories() == {"no_answer": "proven", "logged": "logged"}
    upload(field, late)
    assert Refusal.objects.get().code == "duplicate"
    assert purse_fen(card) == 9_600
    assert broken_invariants() == []


def test_a_false_card_is_a_suspicion_and_no_revenue(field: Field, card: Card) -> None:
    report(field, (torn(field, card, 5, 9_800), "mac2"))
    assert (settle_greys(), stories()) == (0, {"mac2": "mac2"})
    flag = CardFlag.objects.get()
    assert (flag.card_id, flag.evidence["amount_fen"]) == (card.pk, 200)
    assert (purse_fen(card), GreyStep.objects.get().state) == (10_000, "suspicion")
    report(field, (torn(field, card, 6, 9_600), "mac2"))
    assert CardFlag.objects.count() == 1


def test_what_cannot_be_the_citys_is_the_merchants_risk(field: Field, card: Card) -> None:
    publish_parameters(**PARAMETERS)  # type: ignore[arg-type]
    lost = make_card()
    report_loss(card=lost, actor=CLERK, reason="lost", occurred_at=NOON - timedelta(hours=1))
    unknown = replace(torn(field, card, 7, 0), card_no="1" * 19)
    report(field, (torn(field, card, 5, 9_800), "no_answer"), (unknown, "logged"))
    report(field, (torn(field, lost, 5, 9_800), "logged"))
    settle_greys()
    rules = set(GreyStep.objects.filter(state="dropped").values_list("rule", flat=True))
    assert rules == {"unknown_card", "hot_listed"}
    assert settle_greys(now=timezone.now() + timedelta(days=7, seconds=-5)) == 0
    assert settle_greys(now=timezone.now() + timedelta(days=7)) == 1
    assert GreyStep.objects.filter(rule="expired", state="dropped").count() == 1


def test_beyond_the_balance_the_merchant_is_paid_and_it_is_a_claim(field: Field, card: Card) -> None:
    report(field, (torn(field, card, 5, 0, 90_000), "logged"))
    settle_greys()
    assert purse_fen(card) == 10_000
    assert account_balance_fen(LedgerAccount.objects.get(code="1221").pk) == 90_000
    assert broken_invariants() == []


def test_two_terminals_that_report_the_same_counter_are_paid_once(field: Field, card: Card) -> None:
    other = Field.install(field.keys)
    report(field, (torn(field, card, 5, 9_800), "logged"))
    report(other, (torn(other, card, 5, 9_800), "logged"))
    assert (settle_greys(), settle_greys(), settle_greys()) == (1, 1, 0)
    assert purse_fen(card) == 9_800
    assert broken_invariants() == []


CAUSES = st.sampled_from(["no_answer", "logged", "not_paid"])


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["tap", "grey", "settle"]), CAUSES), max_size=10
    )
)
def test_in_any_order_each_purchase_is_paid_at_most_once(
    field: Field, events: list[tuple[int, str, str]]
) -> None:
    with transaction.atomic():
        card = make_card()
        fill_purse(card, 10_000)
        chain = [torn(field, card, atc, 10_000 - 200 * (atc + 1)) for atc in range(4)]
        for number, what, cause in events:
            if what == "tap":
                accept_batch(terminal=field.terminal, body=build_batch(f"B{number}", [chain[number]]))
            elif what == "grey":
                report(field, (chain[number], cause))
            else:
                settle_greys()
        settle_greys()
        settle_greys()
        told = {number for number, what, _ in events if what != "settle"}
        assert purse_fen(card) >= 10_000 - 200 * len(told)
        assert broken_invariants() == []
        transaction.set_rollback(True)


def post(field: Field, body: bytes) -> HttpResponse:
    return deliver(field.signed("POST", "/api/v1/greys", body))


def test_reports_are_taken_over_the_api_once(field: Field, card: Card) -> None:
    body = build_greys([GreyRecord(torn(field, card, 5, 9_800), "no_answer")])
    for _ in range(2):
        answer = post(field, body)
        assert (answer.status_code, json.loads(answer.content)) == (200, {"received": 1})
    assert (Grey.objects.count(), GreyStep.objects.count()) == (1, 1)
    assert Terminal.objects.get().seen_at is not None


@pytest.mark.parametrize(
    ("change", "field_name"),
    [
        (lambda line: {**line, "grey": False}, "grey"),
        (lambda line: {**line, "cause": "x"}, "cause"),
        (lambda line: {**line, "tac": "00000000"}, "tac"),
        (lambda line: {**line, "amount_fen": -1}, "amount_fen"),
        (lambda line: {**line, "terminal_no": "F" * 12}, "terminal_no"),
        (lambda line: [line], "line"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named_and_none_is_kept(
    field: Field, card: Card, change: Callable[[dict[str, Any]], Any], field_name: str
) -> None:
    good = GreyRecord(torn(field, card, 5, 9_800), "no_answer").to_dict()
    body = "\n".join(json.dumps(line) for line in (good, change(good))).encode()
    answer = post(field, body)
    problem = json.loads(answer.content)
    assert (answer.status_code, problem["code"], problem["field"], problem["line"]) == (
        422, "line_refused", field_name, 2,
    )  # fmt: skip
    assert not Grey.objects.exists()


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[" * 5_000, b"null\n" * 1_001])
def test_a_body_that_is_none_is_a_problem(field: Field, body: bytes) -> None:
    assert post(field, body).status_code == 422


def test_the_statements_are_as_many_for_one_as_for_many(field: Field) -> None:
    counts = []
    for size in (1, 12):
        cards = [make_card() for _ in range(size)]
        greys = [(torn(field, each, 5, 9_800), "logged") for each in cards]
        with CaptureQueriesContext(connection) as asked:
            report(field, *greys)
            assert settle_greys() == size
        counts.append(len(asked))
    assert counts[1] <= counts[0]


@pytest.mark.parametrize("table", ["terminals_grey", "terminals_greystep"])
def test_what_was_reported_stays(field: Field, card: Card, table: str) -> None:
    report(field, (torn(field, card, 5, 9_800), "no_answer"))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET id = id")
