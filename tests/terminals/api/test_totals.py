"""The daily settle: what terminals say of their journals, kept once and never rewritten."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.utils import timezone

from accounts.models import Card
from terminals.models import TerminalTotal
from terminals.wire.batch import build_batch
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db
TOTAL: dict[str, Any] = {
    "business_date": "2026-03-02",
    "from_seq": 1,
    "to_seq": 10,
    "records": 8,
    "total_fen": 1_600,
    "unfinished": [7],
    "closed_at": "2026-03-03T00:00:10+08:00",
}


def tell(field: Field, **changes: Any) -> HttpResponse:
    return field.post_json("/api/v1/totals", {"terminal_no": field.terminal.terminal_no, **TOTAL, **changes})


def test_a_total_is_kept_once_and_says_what_the_centre_has(field: Field, card: Card) -> None:
    field.post_batch(build_batch("B1", [field.tap(card, atc) for atc in (1, 2, 3)]))
    answers = [tell(field) for _ in range(2)]
    assert [(one.status_code, json.loads(one.content)) for one in answers] == [
        (200, {"records": 8, "seen": 3})
    ] * 2
    total = TerminalTotal.objects.get()
    assert (total.from_seq, total.to_seq, total.total_fen, total.unfinished) == (1, 10, 1_600, [7])


@pytest.mark.parametrize(
    "change",
    [{"total_fen": 1_601}, {"records": 7}, {"to_seq": 11}, {"from_seq": 2}, {"business_date": "2026-03-01"}, {"unfinished": []}],
)  # fmt: skip
def test_another_total_for_the_same_window_is_refused(field: Field, change: dict[str, Any]) -> None:
    tell(field)
    refused = tell(field, **change)
    assert (refused.status_code, json.loads(refused.content)["code"]) == (409, "total_changed")
    assert TerminalTotal.objects.get().total_fen == 1_600


def test_the_window_behind_it_is_another_one(field: Field) -> None:
    tell(field)
    assert tell(field, from_seq=11, to_seq=11, records=1, unfinished=[]).status_code == 200
    assert TerminalTotal.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"terminal_no": "FFFFFFFFFFFF"}, 422),
        ({"business_date": (timezone.now() + timedelta(days=2)).date().isoformat()}, 422),
        ({"from_seq": 11}, 422),
        ({"unfinished": [11]}, 422),
        ({"records": 10}, 422),
        ({"records": 0}, 422),
        ({"records": -1}, 400),
        ({"total_fen": 1.5}, 400),
        ({"total_fen": 2**63}, 400),
        ({"to_seq": 2**32}, 400),
        ({"unfinished": list(range(101))}, 400),
        ({"business_date": "yesterday"}, 400),
        ({"closed_at": None}, 400),
    ],
)
def test_figures_that_cannot_be_are_refused(field: Field, change: dict[str, Any], status: int) -> None:
    assert tell(field, **change).status_code == status
    assert not TerminalTotal.objects.exists()


def test_the_database_keeps_windows_apart_and_for_good(field: Field) -> None:
    tell(field)
    for statement in (
        "UPDATE terminals_terminaltotal SET records = 0",
        "DELETE FROM terminals_terminaltotal",
        "INSERT INTO terminals_terminaltotal (terminal_id, business_date, from_seq, to_seq, records, total_fen, unfinished, closed_at,"
        " received_at) SELECT terminal_id, business_date, 10, 20, 1, 1, '{}', closed_at, received_at FROM terminals_terminaltotal",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
