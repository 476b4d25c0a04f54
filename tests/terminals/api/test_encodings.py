"""One batch in all its encodings: lines of JSON, fixed columns, and either compressed."""

from __future__ import annotations

import gzip
import zlib
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from accounts.models import Card
from terminals.api.limits import BATCH_BYTES
from terminals.models import Batch, Refusal, Tap
from terminals.services.hotlist import report_loss
from terminals.wire import batch, txn
from terminals.wire.record import TapRecord
from tests.factories import NOON, fill_purse, make_card
from tests.terminals.acceptance.test_any_order import books
from tests.terminals.field import Field, deliver

pytestmark = pytest.mark.django_db
BATCHES = "/api/v1/batches"


class _Undo(Exception):
    pass


def post(field: Field, body: bytes, media_type: str, encoding: str = "") -> HttpResponse:
    headers = {"Content-Encoding": encoding} if encoding else {}
    return deliver(field.signed("POST", BATCHES, body, media_type), **headers)


@pytest.fixture
def records(field: Field, card: Card) -> list[TapRecord]:
    """Accepted, suspended, repeated and rejected ones, with short and long places."""
    other = make_card()
    fill_purse(other, 5_000)
    kept = [
        field.tap(who, atc, 100 * atc, occurred_at=NOON + timedelta(minutes=atc), place="泉州东" * atc)
        for atc in range(1, 6)
        for who in (card, other)
    ]
    report_loss(card=other, actor="clerk", reason="lost", occurred_at=NOON + timedelta(minutes=3))
    clone, forged = field.tap(card, 1, 900), field.tap(card, 7, type=9)
    unknown = field.sealed(TapRecord(**{**forged.to_dict(), "card_no": "9" * 16, "occurred_at": NOON}))
    elsewhere = field.tap(card, 8, terminal_no="FFFFFFFFFFFF")
    return [
        *kept,
        kept[0],
        clone,
        TapRecord.from_dict(forged.to_dict() | {"tac": "00000000"}),
        unknown,
        elsewhere,
    ]


def test_every_encoding_gives_the_same_books_and_the_same_answer(
    field: Field, records: list[TapRecord]
) -> None:
    json_lines, columns = batch.build_batch("B1", records), txn.build_txn("B1", records)
    encodings = [
        (json_lines, batch.MEDIA_TYPE, ""),
        (columns, txn.MEDIA_TYPE, ""),
        (gzip.compress(json_lines), batch.MEDIA_TYPE, "gzip"),
        (gzip.compress(columns), txn.MEDIA_TYPE, "gzip"),
    ]
    first, *others = [outcome(field, *encoding) for encoding in encodings]
    assert first[0][0] == 200
    assert others == [first] * 3


def outcome(field: Field, body: bytes, media_type: str, encoding: str) -> tuple[tuple[object, ...], ...]:
    """Answer, taps, transfers, purses and refusals of this upload; undone again."""
    found: tuple[tuple[object, ...], ...] = ()
    try:
        with transaction.atomic():
            answer = post(field, body, media_type, encoding)
            taps = Tap.objects.values_list(
                "line", "terminal_seq", "card_id", "atc", "kind", "balance_fen", "occurred_at", "tac", "note"
            )
            written = tuple((*row[:7], bytes(row[7]), row[8]) for row in taps.order_by("line"))
            refusals = tuple(Refusal.objects.order_by("line").values_list("line", "code", "detail"))
            found = (answer.status_code, answer.content), written, refusals, books()
            raise _Undo
    except _Undo:
        return found


def test_a_compressed_repeat_gets_the_first_answer(field: Field, card: Card) -> None:
    body = batch.build_batch("B1", [field.tap(card, 1)])
    first = post(field, body, batch.MEDIA_TYPE)
    again = post(field, gzip.compress(body), batch.MEDIA_TYPE, "gzip")
    assert (first.status_code, first.content) == (200, again.content)
    assert Batch.objects.count() == 1


def test_the_same_number_in_the_other_form_is_other_content(field: Field, card: Card) -> None:
    tap = field.tap(card, 1)
    post(field, batch.build_batch("B1", [tap]), batch.MEDIA_TYPE)
    assert post(field, txn.build_txn("B1", [tap]), txn.MEDIA_TYPE).status_code == 409


def test_a_cut_file_is_refused_whole_and_kept(field: Field, card: Card) -> None:
    body = txn.build_txn("B1", [field.tap(card, 1)])[:-10]
    answer = post(field, body, txn.MEDIA_TYPE)
    assert (answer.status_code, answer.json()["rule"]) == (422, "trailer")  # type: ignore[attr-defined]  # test client's
    assert bytes(Batch.objects.get().body or b"") == body


def bomb(size: int) -> bytes:
    return gzip.compress(bytes(size), 9)


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (bomb(BATCH_BYTES + 1), "gzip", 413),
        (bomb(40 * BATCH_BYTES), "gzip", 413),
        (bomb(BATCH_BYTES), "gzip", 422),
        (gzip.compress(b"x" * 1_000)[:-1], "gzip", 415),
        (gzip.compress(b"x" * 1_000)[:20], "gzip", 415),
        (gzip.compress(b"x") + b"y", "gzip", 415),
        (gzip.compress(b"x") + gzip.compress(b"y"), "gzip", 415),
        (zlib.compress(b"x"), "gzip", 415),
        (b"{", "gzip", 415),
        (b"{", "br", 415),
        (b"{", "gzip, gzip", 415),
        (b"{", "identity", 422),
    ],
    ids=[
        "over the limit", "a bomb", "at the limit", "cut at the end", "cut in the middle", "text behind", "two members",
        "zlib", "no gzip", "another coding", "twice", "no coding",
    ],
)  # fmt: skip
def test_what_does_not_inflate_is_refused(field: Field, body: bytes, encoding: str, status: int) -> None:
    answer = post(field, body, batch.MEDIA_TYPE, encoding)
    assert answer.status_code == status
    assert answer.json()["code"] in ("body_too_large", "content_encoding", "batch_refused")  # type: ignore[attr-defined]
    assert Batch.objects.exists() == (status == 422)


def test_a_single_purchase_is_not_compressed(field: Field, card: Card) -> None:
    body = gzip.compress(field.tap(card, 1).to_json().encode())
    request = field.signed("POST", "/api/v1/taps", body, "application/json")
    assert deliver(request, **{"Content-Encoding": "gzip"}).status_code == 415
    assert not Tap.objects.exists()


def test_the_signature_is_over_what_is_sent(field: Field, card: Card) -> None:
    """Whoever inflates on the way breaks it."""
    body = batch.build_batch("B1", [field.tap(card, 1)])
    request = field.signed("POST", BATCHES, gzip.compress(body))
    request.body = body
    answer = deliver(request, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (401, "digest_mismatch")  # type: ignore[attr-defined]


def test_statements_do_not_grow_with_the_batch_in_columns(field: Field, card: Card) -> None:
    counts: list[int] = []
    for number, count in (("B0", 1), ("B1", 1), ("B2", 60)):
        taps = [field.tap(card, atc + 100 * len(counts), 1, place="湖" * (atc % 7)) for atc in range(count)]
        with CaptureQueriesContext(connection) as captured:
            assert post(field, txn.build_txn(number, taps), txn.MEDIA_TYPE).json()["accepted"] == count  # type: ignore[attr-defined]
        counts.append(len(captured))
    assert counts[1] == counts[2]
