"""Batches: built and split alike, and refused as a whole only for what concerns the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.wire.batch import MAX_RECORDS, build_batch
from terminals.wire.errors import BatchError
from terminals.wire.record import TapRecord
from terminals.wire.upload import split_batch
from tests.terminals.wire.test_record import RIGHT, records

RECORD = TapRecord.from_dict(RIGHT)


@given(st.lists(records, max_size=5))
def test_what_is_built_splits_into_the_same(kept: list[TapRecord]) -> None:
    parsed = split_batch(build_batch("B-1", kept))
    assert (parsed.batch_no, parsed.total_fen) == ("B-1", sum(record.amount_fen for record in kept))
    assert [parsed.lines.line(number).record for number in range(2, len(kept) + 2)] == kept
    assert len(parsed.lines) == len(kept)


def test_a_line_that_cannot_be_read_keeps_its_place_and_the_rest() -> None:
    body = build_batch("B-1", [RECORD, RECORD]).splitlines()
    parsed = split_batch(b"\n".join([body[0], b"{]", body[2]]))
    broken, right = parsed.lines.line(2), parsed.lines.line(3)
    assert (broken.record, right.record) == (None, RECORD)
    assert (broken.text, str(broken.error)) == ("{]", "is not JSON")


def test_a_line_separator_inside_a_text_is_no_new_line() -> None:
    line = RECORD.to_json()[:-1] + ',"place":"a\u2028b"}'
    parsed = split_batch(('{"batch_no":"B","count":1,"total_fen":200}\n' + line).encode())
    assert len(parsed.lines) == 1


@pytest.mark.parametrize("number", ["", "x" * 33, "a b", "a/b", "online-1", "unreadable-1", "批次"])
def test_a_number_that_cannot_be_taken_is_not_built(number: str) -> None:
    with pytest.raises(ValueError, match="batch number"):
        build_batch(number, [])


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"\xff", "encoding"),
        (b"", "header"),
        (b"[1]", "header"),
        (b'{"batch_no":"B","count":-1,"total_fen":0}', "header"),
        (b'{"batch_no":"B","count":0,"total_fen":0,"more":1}', "header"),
        (b'{"batch_no":"B","count":1,"total_fen":0}', "count"),
        (b'{"batch_no":"B","count":0,"total_fen":0}\n\n', "count"),
        (b'{"batch_no":"B","count":0,"total_fen":1}', "total"),
        (b"[" * 100_000, "header"),
    ],
)
def test_a_wrong_whole_names_its_rule(body: bytes, rule: str) -> None:
    with pytest.raises(BatchError) as refused:
        split_batch(body)
    assert refused.value.rule == rule


def test_too_many_records_are_refused_whole() -> None:
    header = b'{"batch_no":"B","count":%d,"total_fen":0}\n' % (MAX_RECORDS + 1)
    with pytest.raises(BatchError) as refused:
        split_batch(header + b"x\n" * (MAX_RECORDS + 1))
    assert (refused.value.rule, refused.value.batch_no) == ("too_many_records", "B")
