"""A record says exactly what it may say, and every rule broken is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.wire.errors import RecordError
from terminals.wire.record import TapRecord

RIGHT: dict[str, Any] = {
    "terminal_no": "397000000101",
    "terminal_seq": 17,
    "card_no": "3104397000000000001",
    "atc": 5,
    "type": 6,
    "amount_fen": 200,
    "balance_fen": 800,
    "occurred_at": "2026-03-02T12:00:00+08:00",
    "tac": "A1B2C3D4",
    "key_version": 1,
}

codes = st.from_regex(r"\A[A-Za-z0-9_.-]{1,20}\Z")
moments = st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2999-12-31")).map(
    "{:%Y%m%d%H%M%S}".format
)
trips = st.builds(
    "{}{}".format,
    st.just("")
    | st.builds("in:{}".format, codes)
    | st.builds("out:{}:{}:{}".format, codes, codes, moments)
    | st.builds("out:{}:?:?".format, codes)
    | st.builds("meter:{}:{}:{}".format, st.integers(0, 9_999_999), st.integers(0, 999_999), moments),
    st.just("") | st.builds("@{}".format, codes),
).filter(lambda trip: len(trip) <= 64)

records = st.builds(
    TapRecord,
    terminal_no=st.from_regex(r"\A[0-9A-F]{12}\Z"),
    terminal_seq=st.integers(0, 0xFFFF_FFFF),
    card_no=st.from_regex(r"\A[0-9]{16}(?:[0-9]{3})?\Z"),
    atc=st.integers(0, 0xFFFF),
    type=st.sampled_from([6, 9]),
    amount_fen=st.integers(0, 0x7FFF_FFFF),
    balance_fen=st.integers(-0x7FFF_FFFF, 0x7FFF_FFFF),
    occurred_at=st.datetimes(
        datetime.fromisoformat("2000-01-02"),
        datetime.fromisoformat("9998-01-01"),
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]),
    ).map(lambda when: when.replace(microsecond=0)),
    tac=st.from_regex(r"\A[0-9A-F]{8}\Z"),
    key_version=st.integers(0, 255),
    place=st.text(st.characters(categories=["L", "N"], include_characters=" →"), max_size=40),
    trip=trips,
)


@given(records)
def test_what_is_written_reads_back(record: TapRecord) -> None:
    assert TapRecord.from_json(record.to_json()) == record
    assert "\n" not in record.to_json()


def test_the_form_on_the_wire() -> None:
    assert json.loads(TapRecord.from_json(json.dumps(RIGHT)).to_json()) == RIGHT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("terminal_no", "39700000010"),
        ("terminal_no", "39700000010a"),
        ("terminal_no", 397000000101),
        ("terminal_seq", -1),
        ("terminal_seq", 1 << 32),
        ("terminal_seq", True),
        ("terminal_seq", 1.0),
        ("card_no", "310439700000000000"),
        ("card_no", "３104397000000000001"),
        ("atc", 65_536),
        ("type", 5),
        ("amount_fen", -1),
        ("amount_fen", "200"),
        ("balance_fen", None),
        ("occurred_at", "2026-03-02T12:00:00"),
        ("occurred_at", "2026-03-02T12:00:00.5+08:00"),
        ("occurred_at", "1999-12-31T00:00:00+08:00"),
        ("occurred_at", "9999-12-31T23:59:59-23:00"),
        ("occurred_at", "2026-02-30T12:00:00+08:00"),
        ("occurred_at", 5),
        ("tac", "a1b2c3d4"),
        ("tac", "A1B2C3D4E5"),
        ("key_version", 256),
        ("place", "x" * 41),
        ("place", "a\u0000b"),
        ("place", "\ud800"),
        ("place", 1),
        ("trip", 1),
        ("trip", "in"),
    ],
)
def test_a_broken_field_is_named(field: str, value: object) -> None:
    with pytest.raises(RecordError) as refused:
        TapRecord.from_json(json.dumps(RIGHT | {field: value}))
    assert refused.value.field == field


@pytest.mark.parametrize("field", RIGHT)
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(RecordError) as refused:
        TapRecord.from_dict({name: value for name, value in RIGHT.items() if name != field})
    assert (refused.value.field, refused.value.rule) == (field, "is missing")


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(RecordError, match="amount_fen: stands twice"):
        TapRecord.from_json(json.dumps(RIGHT)[:-1] + ',"amount_fen":1}')


@given(
    st.text()
    | st.recursive(st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps)
)
def test_any_text_is_a_record_or_a_record_error(text: str) -> None:
    with pytest.raises(RecordError):
        TapRecord.from_json(text)
