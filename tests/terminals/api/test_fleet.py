"""What terminals tell of themselves: heartbeats and events, kept once and never rewritten."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Card
from terminals.models import Heartbeat, Terminal, TerminalEvent
from terminals.services.fleet import suspend_terminal
from terminals.services.hotlist import report_loss
from terminals.services.publishing import publish_hot_list
from terminals.wire.batch import build_batch
from tests.factories import CLERK, NOON
from tests.terminals.field import Field, deliver
from tests.terminals.wire.test_enrolment import example

pytestmark = pytest.mark.django_db
BEAT: dict[str, Any] = {
    "firmware": "2.4.1",
    "sam_key_version": 1,
    "parameter_version": "p7",
    "tariff_version": "bus-flat 2026-01-01",
    "hot_list_version": 3,
    "free_bytes": 512_000_000,
    "waiting_records": 17,
}
EVENT: dict[str, Any] = {"number": 1, "kind": "tamper", "occurred_at": "2026-03-02T12:00:00+08:00"}


def beat(field: Field, **changes: Any) -> HttpResponse:
    return field.post_json("/api/v1/heartbeats", {"clock": timezone.now().isoformat(), **BEAT} | changes)


def tell(field: Field, *events: dict[str, Any]) -> HttpResponse:
    return field.post_json("/api/v1/events", {"events": list(events)})


def content(answer: HttpResponse) -> Any:
    return json.loads(answer.content)


def fresh(field: Field) -> Terminal:
    return Terminal.objects.get(pk=field.terminal.pk)


def test_a_heartbeat_is_the_terminals_word_on_itself(field: Field) -> None:
    answer = beat(field, clock=(timezone.now() + timedelta(seconds=90)).isoformat())
    assert answer.status_code == 200
    told = content(answer)
    assert (told["state"], told["hot_list_version"]) == ("active", 0)
    assert 85_000 < told["drift_ms"] <= 90_000
    terminal = fresh(field)
    assert {name: getattr(terminal, name) for name in BEAT} == BEAT
    assert terminal.drift_ms == told["drift_ms"]
    assert terminal.seen_at == terminal.told_at is not None


def test_history_keeps_one_an_hour_and_the_terminal_the_latest(field: Field) -> None:
    for waiting in (1, 2):
        beat(field, waiting_records=waiting)
    assert Heartbeat.objects.get().waiting_records == 1
    assert fresh(field).waiting_records == 2


def test_the_list_it_applies_counts_not_the_one_it_was_given(field: Field, card: Card) -> None:
    entry = report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    publish_hot_list()
    assert field.get("/api/v1/documents/hot_list/0").status_code == 200
    assert content(beat(field, hot_list_version=0))["hot_list_version"] == entry.version
    assert fresh(field).hot_list_version == 0
    beat(field, hot_list_version=entry.version)
    acknowledged = fresh(field).hot_list_at
    beat(field, hot_list_version=entry.version)
    assert fresh(field).hot_list_at == acknowledged is not None


def test_a_suspended_terminal_learns_it_by_its_heartbeat(field: Field) -> None:
    suspend_terminal(terminal=field.terminal, actor=CLERK, reason="workshop")
    assert content(beat(field))["state"] == "suspended"


@pytest.mark.parametrize(
    "change",
    [
        {"clock": "noon"},
        {"clock": "9999-12-31T23:59:59-12:00"},
        {"firmware": ""},
        {"firmware": "x\x00"},
        {"firmware": "\ud800"},
        {"sam_key_version": 256},
        {"hot_list_version": -1},
        {"free_bytes": 2**63},
        {"waiting_records": 1.5},
        {"waiting_records": None},
        {"waiting_records": "1"},
        {"waiting_records": True},
        {"tariff_version": 7},
        {"clock": "2026-03-02T12:00:00"},
    ],
)
def test_a_wrong_field_is_named(field: Field, change: dict[str, Any]) -> None:
    answer = beat(field, **change)
    assert answer.status_code == 400
    assert content(answer)["errors"].keys() == change.keys()
    assert not Heartbeat.objects.exists()


def test_events_are_kept_once(field: Field) -> None:
    free = EVENT | {"number": 2, "kind": "free_ride", "times": 31, "detail": "K1"}
    assert content(tell(field, EVENT)) == {"events": 1, "new": 1}
    assert content(tell(field, EVENT, free)) == {"events": 2, "new": 1}
    assert list(TerminalEvent.objects.order_by("number").values_list("kind", "times")) == [
        ("tamper", 1),
        ("free_ride", 31),
    ]
    assert fresh(field).seen_at is not None


def test_another_event_under_a_number_is_a_conflict_and_nothing_is_kept(field: Field) -> None:
    tell(field, EVENT)
    answer = tell(field, EVENT | {"number": 2}, EVENT | {"detail": "other"})
    assert (answer.status_code, content(answer)["code"]) == (409, "event_number_reused")
    assert TerminalEvent.objects.count() == 1


def test_each_terminal_counts_for_itself(field: Field) -> None:
    other = Field.install(field.keys)
    assert {content(tell(each, EVENT))["new"] for each in (field, other)} == {1}


@pytest.mark.parametrize(
    "events",
    [
        None,
        [],
        [EVENT] * 2,
        [EVENT | {"kind": "party"}],
        [EVENT | {"times": 0}],
        [EVENT | {"card_no": "12"}],
        [EVENT | {"detail": "x" * 201}],
        [EVENT | {"number": number} for number in range(101)],
    ],
)
def test_wrong_events_are_named(field: Field, events: Any) -> None:
    answer = field.post_json("/api/v1/events", {"events": events})
    assert answer.status_code == 400
    assert "events" in content(answer)["errors"]
    assert not TerminalEvent.objects.exists()


@pytest.mark.parametrize(("member", "path"), [("clock", "heartbeats"), ("events", "events")])
def test_the_bodies_of_the_documentation_are_taken(field: Field, member: str, path: str) -> None:
    body = example(member).encode()
    answer = deliver(field.signed("POST", f"/api/v1/{path}", body, "application/json"))
    assert answer.status_code == 200


@pytest.mark.parametrize("table", ["terminals_heartbeat", "terminals_terminalevent", "terminals_fleetpolicy"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET id = id"])
def test_what_was_told_is_never_rewritten(field: Field, table: str, change: str) -> None:
    beat(field)
    tell(field, EVENT)
    refused = pytest.raises(IntegrityError, match="append-only")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change.format(table))


def test_the_latest_tap_stands_with_the_terminal(field: Field, card: Card) -> None:
    late, early = field.tap(card, 2), field.tap(card, 1)
    forged = field.tap(card, 9, card_no="1" * 19)
    field.post_batch(build_batch("B1", [late, forged]))
    field.post_batch(build_batch("B2", [early]))
    assert fresh(field).tapped_at == late.occurred_at


def test_a_signed_request_costs_one_query_and_events_cost_the_same_at_any_number(field: Field) -> None:
    counts = []
    for first, many in ((0, 1), (1, 100)):
        events = [EVENT | {"number": number} for number in range(first, first + many)]
        with CaptureQueriesContext(connection) as asked:
            tell(field, *events)
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert sum("terminalkey" in query["sql"] for query in asked) == 1
