"""What the addresses answer: counts and problems, and never a crash."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Card
from terminals.models import Batch, Tap
from terminals.services.hotlist import report_loss
from terminals.services.publishing import publish_hot_list
from terminals.wire.batch import build_batch
from tests.factories import NOON
from tests.fixtures_core import KeyServiceProcess
from tests.terminals.field import Field, deliver

pytestmark = pytest.mark.django_db


def test_a_batch_is_answered_with_counts_and_problems(field: Field, card: Card) -> None:
    good, bad = field.tap(card, 1), field.tap(card, 2, card_no="1" * 19)
    response = field.post_batch(build_batch("B1", [good, bad]))
    assert response.status_code == 200
    answer = response.json()  # type: ignore[attr-defined]
    assert {name: answer[name] for name in ("records", "accepted", "suspended", "duplicate", "rejected")} == {
        "records": 2, "accepted": 1, "suspended": 0, "duplicate": 0, "rejected": 1,
    }  # fmt: skip
    (problem,) = answer["problems"]
    assert (problem["line"], problem["code"], problem["terminal_seq"]) == (
        3,
        "unknown_card",
        bad.terminal_seq,
    )
    assert problem["reason"]["zh"] == "卡号不存在"


def test_a_repeat_gets_the_same_bytes(field: Field, card: Card) -> None:
    body = build_batch("B1", [field.tap(card, 1), field.tap(card, 1)])
    first = field.post_batch(body)
    assert field.post_batch(body).content == first.content
    assert field.get("/api/v1/batches/B1").content == first.content
    assert Tap.objects.count() == 2


def test_the_same_number_with_other_content_is_a_conflict(field: Field, card: Card) -> None:
    field.post_batch(build_batch("B1", [field.tap(card, 1)]))
    response = field.post_batch(build_batch("B1", [field.tap(card, 2)]))
    assert response.status_code == 409
    assert response.json()["code"] == "batch_number_reused"  # type: ignore[attr-defined]
    assert Tap.objects.count() == 1


def test_a_batch_with_a_wrong_total_is_refused_whole_and_the_corrected_one_taken(
    field: Field, card: Card
) -> None:
    body = build_batch("B1", [field.tap(card, 1)])
    response = field.post_batch(body.replace(b'"total_fen":200', b'"total_fen":300'))
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["rule"] == "total"  # type: ignore[attr-defined]
    assert field.get("/api/v1/batches/B1").status_code == 422
    assert field.post_batch(body).status_code == 200
    assert field.get("/api/v1/batches/B1").status_code == 200


def test_no_terminal_sees_the_batch_of_another(field: Field, card: Card) -> None:
    field.post_batch(build_batch("B1", [field.tap(card, 1)]))
    other = Field.install(field.keys)
    assert other.get("/api/v1/batches/B1").status_code == 404


@pytest.mark.parametrize("number", ["B2", "%00", "a%20b", "%E6%89%B9", "x" * 500])
def test_a_batch_that_never_came_is_a_problem(field: Field, number: str) -> None:
    response = field.get(f"/api/v1/batches/{number}")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_tap_is_answered_with_fare_balance_and_reason(field: Field, card: Card) -> None:
    answer = field.post_tap(field.tap(card, 1, 300)).json()  # type: ignore[attr-defined]
    assert (answer["result"], answer["fare_fen"], answer["balance_fen"]) == ("accepted", 300, 99_700)
    assert answer["reason"] == {"code": "accepted", "zh": "交易成功", "en": "Paid"}


def test_a_rejected_tap_is_a_problem_with_all_the_fields_of_an_answer(field: Field, card: Card) -> None:
    stranger = field.tap(card, 1, card_no="1" * 19)
    response = field.post_tap(stranger)
    assert response.status_code == 422
    answer = response.json()  # type: ignore[attr-defined]
    assert (answer["result"], answer["code"]) == ("rejected", "unknown_card")
    assert {"fare_fen", "balance_fen", "reason", "card_no", "terminal_seq", "detail"} <= answer.keys()


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"null", b"1", b'{"amount_fen":-1}', b"[" * 5000])
def test_bad_bodies_are_problems(field: Field, body: bytes) -> None:
    request = field.signed("POST", "/api/v1/taps", body, "application/json")
    assert deliver(request).status_code == 422
    assert deliver(field.signed("POST", "/api/v1/batches", body)).status_code == 422


@pytest.mark.parametrize("path", ["/api/v1/taps", "/api/v1/batches"])
def test_the_wrong_content_type_is_a_problem(field: Field, path: str) -> None:
    response = deliver(field.signed("POST", path, b"<x/>", "text/xml"))
    assert response.status_code == 415
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/taps", "/api/v1/batches"])
def test_an_empty_body_is_a_problem(field: Field, path: str) -> None:
    assert deliver(field.signed("POST", path)).status_code == 422


def test_a_body_too_large_is_refused_before_it_is_read(field: Field) -> None:
    response = deliver(field.signed("POST", "/api/v1/taps", b" " * 9_000, "application/json"))
    assert response.status_code == 413
    assert response.json()["code"] == "body_too_large"  # type: ignore[attr-defined]


def test_without_key_service_nothing_changes(
    field: Field, card: Card, settings: Settings, tmp_path: Path
) -> None:
    settings.KEY_SERVICE_SOCKET = str(tmp_path / "gone.sock")
    response = field.post_batch(build_batch("B1", [field.tap(card, 1)]))
    assert response.status_code == 503
    assert not Batch.objects.exists()


def test_a_sealed_key_service_is_told_to_terminals(field: Field, card: Card, settings: Settings) -> None:
    with tempfile.TemporaryDirectory(prefix="cc-keys-") as folder:
        service = KeyServiceProcess(Path(folder) / "keys.sock", "--state", f"{folder}/state")
        service.start()
        try:
            settings.KEY_SERVICE_SOCKET = str(service.socket_path)
            response = field.post_batch(build_batch("B1", [field.tap(card, 1)]))
        finally:
            service.stop()
    body = response.json()  # type: ignore[attr-defined]
    assert (response.status_code, body["code"], body["reason"]) == (503, "key_service_unavailable", "sealed")
    assert not Batch.objects.exists()


def test_a_terminal_is_told_who_it_is(field: Field, card: Card) -> None:
    entry = report_loss(card=card, actor="clerk", reason="lost", occurred_at=NOON)
    publish_hot_list()
    answer = field.get("/api/v1/terminal").json()  # type: ignore[attr-defined]
    assert (answer["terminal_no"], answer["state"]) == (field.terminal.terminal_no, "active")
    assert answer["hot_list_version"] == entry.version


def test_the_description_is_valid_openapi_31_and_needs_no_key(tmp_path: Path) -> None:
    target = tmp_path / "schema.json"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(target), format="openapi-json")
    description = json.loads(target.read_text())
    assert description["openapi"].startswith("3.1")
    assert {
        "/api/v1/taps",
        "/api/v1/batches",
        "/api/v1/documents/{kind}/{since}",
        "/api/v1/terminal",
    } <= description["paths"].keys()
    assert Client().get("/api/v1/schema/").status_code == 200


def test_the_docs_page_has_nothing_inline() -> None:
    page = Client().get("/api/v1/docs/")
    assert page.status_code == 200
    assert b"<style" not in page.content
    assert page.content.count(b"<script src=") == page.content.count(b"<script")
    script = Client().get("/api/v1/docs/?script=")
    assert "javascript" in script.headers["Content-Type"]
