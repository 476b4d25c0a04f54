"""Signed documents over the API: verified as a terminal does, made once, and 304, 204 and 404 where they belong."""

from __future__ import annotations

import json
import secrets
from datetime import date, timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from citizencard.core.errors import InvalidField
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.signing import SignPurpose
from terminals.models import CentreKey, ListApplied, SignedDocument, Terminal
from terminals.program.orders import Orders
from terminals.selectors.list_latency import list_latency, publishing_latency, terminals_behind
from terminals.services.field import publish_tariff
from terminals.services.policies import publish_hot_list_policy, publish_parameters
from terminals.services.publishing import documents
from terminals.wire.lists import MAX_VERSION, MEDIA_TYPE, Document, Trust, updated, whole
from tests.factories import CLERK
from tests.terminals.api.test_fleet import BEAT
from tests.terminals.field import Field
from tests.terminals.publishing.losses import change, many

pytestmark = pytest.mark.django_db
PARAMETERS = {
    "valid_from": date(2026, 1, 1),
    "single_fen": 10_000,
    "offline_sum_fen": 30_000,
    "guard_s": 30,
    "upload_s": 60,
    "heartbeat_s": 300,
    "list_s": 60,
    "grey_days": 7,
    "legal_basis": "test",
    "actor": CLERK,
}


@pytest.fixture(autouse=True)
def cold() -> None:
    """Each test is a web process of its own, with nothing in its memory."""
    documents._SHELF.clear()


def fetch(field: Field, kind: str, since: int = 0, **headers: str) -> HttpResponse:
    return field.get(f"/api/v1/documents/{kind}/{since}", **headers)


def trusted(answer: HttpResponse) -> Document:
    """Verified with the centre's key, as a terminal would."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, MEDIA_TYPE)
    document = Document.from_bytes(answer.content)
    Trust.installed(bytes(CentreKey.objects.get().public_key)).verify(document, timezone.now())
    return document


def test_the_hot_list_whole_and_by_difference(field: Field) -> None:
    assert fetch(field, "hot_list").status_code == 204
    first = change(add=[1, 2, 5])
    held = updated(None, trusted(fetch(field, "hot_list")), "hot_list")
    second = change(add=[3], remove=[1])
    change(add=[1])
    offered = trusted(fetch(field, "hot_list", first))
    assert (offered.statement.previous, held.statement.version) == (first, first)
    newest = updated(held, offered, "hot_list")
    assert newest.content == whole(trusted(fetch(field, "hot_list")), "hot_list")
    assert trusted(fetch(field, "hot_list", second)).statement.previous == second
    assert fetch(field, "hot_list", newest.statement.version).status_code == 204


@pytest.mark.parametrize("since", [7_777_777, MAX_VERSION, 10**30])
def test_a_version_nobody_published_is_answered_with_the_whole_and_not_believed(
    field: Field, since: int
) -> None:
    change(add=[1])
    assert trusted(fetch(field, "hot_list", since)).statement.previous == 0
    assert Terminal.objects.get().hot_list_version == 0


def test_parameters_come_with_their_ground_and_a_new_version_when_they_change(
    field: Field, key_service: KeyServiceClient
) -> None:
    publish_parameters(**PARAMETERS)  # type: ignore[arg-type]
    first = trusted(fetch(field, "parameters"))
    told = json.loads(first.content)
    assert told["limits"] == {"single_fen": 10_000, "offline_sum_fen": 30_000}
    assert (told["guard_s"], told["legal_basis"]) == (30, "test")
    assert told["ride_code_keys"] == [key_service.public_key(SignPurpose.RIDE_CODE).hex()]
    assert fetch(field, "parameters", first.statement.version).status_code == 204
    publish_parameters(**PARAMETERS | {"kind": "validator", "guard_s": 20})  # type: ignore[arg-type]
    second = trusted(fetch(field, "parameters", first.statement.version))
    assert (second.statement.version, json.loads(second.content)["guard_s"]) == (2, 20)


def test_marks_tell_terminals_what_the_kind_of_a_card_means(field: Field) -> None:
    marks = {"categories": {"2": "student", "3": "senior65"}, "industries": {"bus": "bus-flat"}}
    publish_parameters(**PARAMETERS, marks=marks)  # type: ignore[arg-type]
    told = json.loads(trusted(fetch(field, "parameters")).content)
    assert Orders.parse(told).marks.categories == {2: "student", 3: "senior65"}
    with pytest.raises(InvalidField, match="marks"):
        publish_parameters(**PARAMETERS | {"kind": "gate"}, marks={"categories": {"999": "student"}})  # type: ignore[arg-type]


def test_tariffs_are_those_of_the_terminal_in_force_and_to_come(field: Field) -> None:
    for day, fare_fen in ((date(2020, 1, 1), 100), (date(2999, 1, 1), 300)):
        rule = {"fare_fen": fare_fen}
        publish_tariff(code="flat", name="一票制", kind="flat", rule=rule, valid_from=day, legal_basis="test")
    document = trusted(fetch(field, "tariffs"))
    told = json.loads(document.content)["tariffs"]
    assert [tariff["rule"]["fare_fen"] for tariff in told] == [200, 300]
    assert document.statement.count == 2


def test_the_time_carries_the_nonce(field: Field) -> None:
    nonce = secrets.token_hex(16)
    told = json.loads(whole(trusted(field.get(f"/api/v1/time/{nonce}")), "time"))
    assert told["nonce"] == nonce
    assert field.get("/api/v1/time/short").status_code == 404


@pytest.mark.parametrize("path", ["documents/time/0", "documents/nothing/0", "documents/hot_list/-1"])
def test_what_is_not_published_is_not_found(field: Field, path: str) -> None:
    assert field.get(f"/api/v1/{path}").status_code == 404


def test_unchanged_is_304_by_its_etag(field: Field) -> None:
    change(add=[1])
    etag = fetch(field, "hot_list").headers["ETag"]
    again = fetch(field, "hot_list", **{"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    change(add=[2])
    assert fetch(field, "hot_list", **{"If-None-Match": etag}).status_code == 200


def test_a_document_is_made_once_for_all_processes_and_old_ones_go(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    make = documents._make
    monkeypatch.setattr(documents, "_make", lambda answer: made.append(answer) or make(answer))
    first = change(add=[1])
    change(add=[2])
    bodies = set()
    for _ in range(3):
        bodies.add(fetch(field, "hot_list", first).content)
        documents._SHELF.clear()  # another process
    assert (len(made), len(bodies), SignedDocument.objects.count()) == (1, 1, 1)
    change(add=[3])
    fetch(field, "hot_list", first)
    assert SignedDocument.objects.count() == 1


def test_the_cache_is_bounded(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "PAIRS_MAX", 2)
    versions = [change(add=[number]) for number in range(1, 6)]
    for since in versions:
        fetch(field, "hot_list", since)
    assert SignedDocument.objects.count() == 2


def test_the_work_is_the_same_for_a_list_of_any_length(field: Field) -> None:
    first = change(add=[1])
    counts = []
    for cards in (10, 3_000):
        many(cards) if cards > 10 else change(add=range(2, 10))
        fetch(field, "hot_list", first)
        with CaptureQueriesContext(connection) as asked:
            fetch(field, "hot_list", first)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 7


def test_asking_for_what_follows_is_the_word_that_it_is_applied(field: Field) -> None:
    first, second = change(add=[1]), change(add=[2])
    for since in (0, first, first, second, first):
        fetch(field, "hot_list", since)
    told = list(ListApplied.objects.order_by("id").values_list("version", flat=True))
    assert told == [first, second, first]
    assert Terminal.objects.get().hot_list_version == first


def test_a_heartbeat_is_that_word_too(field: Field) -> None:
    version = change(add=[1])
    assert not ListApplied.objects.exists()
    for told in (version, version, 7_777_777):
        beat = BEAT | {"clock": timezone.now().isoformat(), "hot_list_version": told}
        assert field.post_json("/api/v1/heartbeats", beat).status_code == 200
    assert [each.version for each in ListApplied.objects.all()] == [version]


def test_the_speed_of_lists_is_measured_from_publication_to_the_terminals_word(field: Field) -> None:
    now = timezone.now()
    behind = Field.install(field.keys)
    version = change(add=[1], when=now - timedelta(minutes=10))
    fetch(field, "hot_list", version)
    latency = list_latency(since=now - timedelta(days=1))
    assert latency.buckets == (0, 0, 1, 0, 0, 0, 0)
    assert latency.slowest is not None
    assert timedelta(minutes=10) <= latency.slowest < timedelta(minutes=12)
    (late,) = terminals_behind()
    assert (late.code, late.applied, late.missing) == (behind.terminal.code, 0, version)
    assert late.since == now - timedelta(minutes=10)
    assert publishing_latency(since=now - timedelta(days=1)).changes == 1


def test_a_policy_is_dated_and_needs_a_ground() -> None:
    terms = {"promise_minutes": 30, "grace_minutes": 10, "legal_basis": "test", "actor": CLERK}
    first = publish_hot_list_policy(valid_from=date(2026, 1, 1), **terms)  # type: ignore[arg-type]
    assert publish_hot_list_policy(valid_from=date(2026, 1, 1), **terms) == first  # type: ignore[arg-type]


def test_the_whole_day_needs_no_signature_anew(field: Field) -> None:
    """What a version says, and so its bytes, does not depend on when it is asked for."""
    change(add=[1])
    first = fetch(field, "hot_list").content
    SignedDocument.objects.all().delete()
    documents._SHELF.clear()
    assert fetch(field, "hot_list").content == first
    assert Document.from_bytes(first).statement.issued_at < timezone.now() + timedelta(minutes=1)
