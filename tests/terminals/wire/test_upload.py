"""A batch read side by side says of every line what the strict reader says of it alone, in both forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from terminals.wire import ndjson, txn, txn_lines
from terminals.wire.batch import MAX_RECORDS, build_batch
from terminals.wire.cursor import MARGIN
from terminals.wire.errors import BatchError, RecordError
from terminals.wire.record import TapRecord
from terminals.wire.txn import build_txn
from terminals.wire.upload import Lines, single_line, split_batch
from tests.terminals.wire.test_record import RIGHT, records
from tests.terminals.wire.test_trip import WRONG

RECORD = TapRecord.from_dict(RIGHT)
NUMBERS = [
    "0",
    "00",
    "01",
    "-0",
    "-1",
    "1.0",
    "1e1",
    "65535",
    "65536",
    "2147483648",
    "4294967296",
    "9" * 30,
    "",
    "null",
    "true",
    '"7"',
]
TIMES = [
    "2026-02-29T00:00:00+08:00", "2024-02-29T23:59:59-11:30", "2026-13-01T00:00:00+08:00", "2026-04-31T00:00:00+08:00",
    "2026-03-02T24:00:00+08:00", "2026-03-02T12:60:00+08:00", "2026-03-02T12:00:60+08:00", "2026-03-02T12:00:00+24:00", "2026-03-02T12:00:00-+08:00",
    "2026-03-02T12:00:00", "2026-03-02T12:00:00Z", "2026-03-02 12:00:00+08:00", "2026-03-02T12:00:00+08:00:30",
    "2026-03-02T12:00:00.5+08:00", "2026-03-02T12:00:00+08:00:00.5", "1999-12-31T23:59:59+00:00", "2000-01-01T00:00:00+00:00",
    "1999-12-31T20:00:00-05:00", "2000-01-01T07:59:59+08:00", "9998-12-31T23:59:59-23:59", "9999-01-01T00:00:00+08:00",
    "0000-01-01T00:00:00+00:00", "2026-03-02T12:00:00-00:00", "２026-03-02T12:00:00+08:00",
]  # fmt: skip
PLACES = [
    "东湖",
    "a→b",
    "",
    " ",
    "x" * 40,
    "x" * 41,
    "湖" * 41,
    "\u2028",
    "\u200b",
    "\\u4e1c",
    "\\n",
    'a\\"b',
    "😀" * 40,
    "\x7f",
    "}",
]


def written(**changes: str) -> str:
    """A canonical line in which the values of fields are replaced as they stand."""
    content = json.loads(RECORD.to_json()) | {"place": "东湖", "trip": "in:S1@K1"}
    values = {name: json.dumps(value, ensure_ascii=False) for name, value in content.items()} | changes
    return "{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}"


hostile = st.one_of(
    st.builds(
        lambda field, value: written(**{field: value}),
        st.sampled_from(["terminal_seq", "atc", "type", "amount_fen", "balance_fen", "key_version"]),
        st.sampled_from(NUMBERS) | st.integers(-(1 << 33), 1 << 33).map(str),
    ),
    st.sampled_from(TIMES).map(lambda time: written(occurred_at=f'"{time}"')),
    st.sampled_from(PLACES).map(lambda place: written(place=f'"{place}"')),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=45).map(
        lambda place: written(place=f'"{place}"')
    ),
    st.sampled_from(WRONG).map(lambda trip: written(trip=json.dumps(trip))),
    st.text(st.sampled_from('in:out:meter@?2026S_.-\\"'), max_size=70).map(
        lambda trip: written(trip=f'"{trip}"')
    ),
    st.builds(
        lambda field, value: written(**{field: f'"{value}"'}),
        st.sampled_from(["terminal_no", "card_no", "tac"]),
        st.text("0123456789ABCDEFabcdef \u0661\xa0", min_size=7, max_size=20),
    ),
)


@st.composite
def mutated(draw: st.DrawFn, lines: st.SearchStrategy[str]) -> str:
    """A line with a few characters put in, taken out or changed."""
    line = draw(lines)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(line)))
        gone = draw(st.integers(0, 3))
        line = line[:at] + draw(st.text('{}[]",:\\ -+019AFDT湖\r\x00\u2028', max_size=3)) + line[at + gone :]
    return line


def verdict(read: Callable[[str], TapRecord], text: str) -> TapRecord | tuple[str, str]:
    """The record, or the field and the rule that it breaks."""
    try:
        return read(text)
    except RecordError as error:
        return error.field, error.rule


def demand_equal(lines: Lines, texts: list[str], read: Callable[[str], TapRecord]) -> None:
    """Every line is what the strict reader says of it."""
    assert len(lines) == len(texts)
    expected = [verdict(read, text) for text in texts]
    found = [lines.line(number) for number in range(2, len(texts) + 2)]
    assert [line.text for line in found] == texts
    assert [line.record or (line.error and (line.error.field, line.error.rule)) for line in found] == expected
    assert lines.total_fen == total_fen(expected)


def total_fen(verdicts: list[TapRecord | tuple[str, str]]) -> int:
    return sum(item.amount_fen for item in verdicts if isinstance(item, TapRecord))


@given(st.lists(mutated(records.map(TapRecord.to_json)) | hostile, max_size=8))
@example([written(occurred_at=f'"{time}"') for time in TIMES])
@example([written(place=f'"{place}"') for place in PLACES])
@example([written(trip=json.dumps(trip)) for trip in (*WRONG, "", "in:S1", "@K1")])
@example([written(trip=json.dumps(trip), place='""') for trip in WRONG])
@example([written(atc=number, balance_fen=number) for number in NUMBERS])
@example([RECORD.to_json() + behind for behind in ("x", " ", "}", "\r", RECORD.to_json())])
def test_json_lines_are_read_as_one_by_one(texts: list[str]) -> None:
    total = total_fen([verdict(TapRecord.from_json, text) for text in texts])
    header = {"batch_no": "B", "count": len(texts), "total_fen": total}
    body = "\n".join([json.dumps(header), *texts, ""]).encode()
    demand_equal(split_batch(body).lines, texts, TapRecord.from_json)


def fits_columns(record: TapRecord) -> bool:
    return len(record.place.encode()) <= txn.PLACE_BYTES and not record.place.endswith(" ")


def txn_line(record: TapRecord) -> str:
    return build_txn("B", [record]).decode().split("\n")[1]


def without_trip(record: TapRecord) -> TapRecord:
    return replace(record, trip="")


def txn_body(version: str, texts: list[str], total: int) -> bytes:
    return "\n".join([f"{version}{'B':<32}", *texts, f"T{len(texts):08d}{total:014d}", ""]).encode()


@given(st.lists(mutated(records.filter(fits_columns).map(without_trip).map(txn_line)), max_size=8))
@example(
    [
        txn_line(RECORD)[:70] + time + txn_line(RECORD)[84:]
        for time in (
            "20260229000000",
            "20261301000000",
            "20260302240000",
            "20260302126000",
            "19991231235959",
            "20000101080000",
            "20000101075959",
            "99990101000000",
            "2026030212000x",
        )
    ]
)
@example([txn_line(RECORD)[:59] + sign + txn_line(RECORD)[60:] for sign in "+- 0"])
@example(
    [
        txn_line(RECORD)[:23] + card + txn_line(RECORD)[42:]
        for card in ("1" * 16 + "   ", "1" * 17 + "  ", "   " + "1" * 16, "1" * 15 + " 1  ")
    ]
)
def test_fixed_columns_are_read_as_one_by_one(texts: list[str]) -> None:
    total = total_fen([verdict(txn.read_record, text) for text in texts])
    demand_equal(split_batch(txn_body("H01", texts, total), txn.MEDIA_TYPE).lines, texts, txn.read_record)


ONE_LINE = [trip for trip in WRONG if "\n" not in trip]


def trip_line(trip: str) -> str:
    """A record line of the version with trips, with this one, right or not."""
    return txn_line(RECORD) + trip.ljust(64)[:64]


@given(
    st.lists(
        mutated(records.filter(fits_columns).map(lambda it: txn_line(without_trip(it)) + it.trip.ljust(64)))
        | st.sampled_from(ONE_LINE).map(trip_line),
        max_size=8,
    )
)
@example([trip_line(trip) for trip in (*ONE_LINE, "", " in:S1", "in:S1", "@K1")])
@example([txn_line(RECORD), trip_line("")])
def test_fixed_columns_with_trips_are_read_as_one_by_one(texts: list[str]) -> None:
    read = partial(txn.read_record, columns=txn.COLUMNS_WITH_TRIP)
    total = total_fen([verdict(read, text) for text in texts])
    demand_equal(split_batch(txn_body("H02", texts, total), txn.MEDIA_TYPE).lines, texts, read)


@given(st.lists(records, min_size=1, max_size=8))
def test_what_is_built_in_json_needs_no_strict_reader(kept: list[TapRecord]) -> None:
    """Or nothing would be fast."""
    body = build_batch("B", kept)
    octets = np.frombuffer(body + bytes(MARGIN), np.uint8)
    breaks = np.flatnonzero(octets == ord("\n"))
    rows, good = ndjson.read_lines(octets, breaks[:-1] + 1, breaks[1:])
    assert good.all()
    assert rows["amount_fen"].tolist() == [record.amount_fen for record in kept]


@given(st.lists(records.filter(fits_columns), min_size=1, max_size=8))
def test_what_is_built_in_columns_needs_no_strict_reader(kept: list[TapRecord]) -> None:
    octets = np.frombuffer(build_txn("B", kept) + bytes(MARGIN), np.uint8)
    breaks = np.flatnonzero(octets == ord("\n"))
    read = txn_lines.read_lines_with_trip if any(record.trip for record in kept) else txn_lines.read_lines
    _, good = read(octets, breaks[:-2] + 1, breaks[1:-1])
    assert good.all()
    parsed = split_batch(build_txn("B", kept), txn.MEDIA_TYPE)
    assert [parsed.lines.line(number).record for number in range(2, len(kept) + 2)] == kept


def test_the_columns_as_documented() -> None:
    built = build_txn("20260302-17", [replace(RECORD, place="东湖")]).decode()
    page = (Path(__file__).resolve().parents[3] / "docs" / "terminal-api.md").read_text()
    for line in built.split():
        assert f"    {line}\n" in page.replace("␣…", "")
    assert built.split("\n")[0] == "H01" + "20260302-17".ljust(32)


def test_the_columns_with_a_trip_as_documented() -> None:
    trip = "out:S07:S02:20260302113000@K1"
    built = build_txn("20260302-17", [replace(RECORD, trip=trip), RECORD]).decode()
    page = (Path(__file__).resolve().parents[3] / "docs" / "terminal-api.md").read_text()
    assert built.split()[:4] == ["H0220260302-17", txn_line(RECORD).strip(), trip, txn_line(RECORD).strip()]
    assert built.split("\n")[1][215:] == trip.ljust(64)
    assert f"`{trip}`" in page


def test_a_debt_and_a_short_card_number_in_columns() -> None:
    line = txn_line(replace(RECORD, card_no="3104397000000001", balance_fen=-800))
    assert (line[23:42], line[59:70]) == ("3104397000000001   ", "-0000000800")


def test_a_place_that_has_no_room_or_would_lose_a_space_is_not_written() -> None:
    for place in ("😀" * 31, "x "):
        with pytest.raises(ValueError, match="place"):
            build_txn("B", [replace(RECORD, place=place)])
    with pytest.raises(ValueError, match="batch number"):
        build_txn("a b", [])


@pytest.mark.parametrize(
    ("changed", "field", "rule"),
    [
        ((0, "X"), "", "a record is D and has 215 bytes"),
        ((1, "x"), "terminal_no", "must be 12 upper-case hexadecimal digits"),
        ((13, "x"), "terminal_seq", "columns 14 to 23 must hold 10 digits"),
        ((13, "9"), "terminal_seq", "must be a whole number from 0 to 4294967295"),
        ((48, "7"), "type", "must be 6 or 9"),
        ((59, "0"), "balance_fen", "columns 60 to 70 must hold a sign and 10 digits"),
        ((74, "2"), "occurred_at", "columns 71 to 84 must hold a time of Beijing as YYYYMMDDhhmmss"),
    ],
)
def test_a_wrong_column_is_named(changed: tuple[int, str], field: str, rule: str) -> None:
    at, char = changed
    line = txn_line(RECORD)
    body = build_txn("B", [RECORD]).decode().replace(line, line[:at] + char + line[at + 1 :])
    (error,) = split_batch(body.encode(), txn.MEDIA_TYPE).lines.errors.values()
    assert (error.field, error.rule) == (field, rule)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "header"),
        (b"H01B\nT0000000000000000000000\n", "header"),
        (b"H03" + b"B".ljust(32) + b"\nT0000000000000000000000\n", "header"),
        (b"H01" + b"online-1".ljust(32) + b"\nT0000000000000000000000\n", "header"),
        (b"H01" + b"B".ljust(32), "trailer"),
        (b"H01" + b"B".ljust(32) + b"\nT000000000000000000000\n", "trailer"),
        (b"H01" + b"B".ljust(32) + b"\nT0000000100000000000000\n", "count"),
        (b"H01" + b"B".ljust(32) + b"\nT0000000000000000000001\n", "total"),
        (b"H01" + b"B".ljust(32) + b"\n" + b"D\n" * (MAX_RECORDS + 1) + b"T0005000100000000000000", "too_many_records"),
        (b"H01" + b"B".ljust(32) + b"\n\xff\nT0000000100000000000000", "encoding"),
        (build_batch("B", []), "header"),
    ],
)  # fmt: skip
def test_a_wrong_whole_in_columns_names_its_rule(body: bytes, rule: str) -> None:
    with pytest.raises(BatchError) as refused:
        split_batch(body, txn.MEDIA_TYPE)
    assert refused.value.rule == rule


def test_a_file_cut_anywhere_is_refused_whole() -> None:
    whole = build_txn(
        "B",
        [
            replace(RECORD, terminal_seq=at, occurred_at=RECORD.occurred_at + timedelta(seconds=at))
            for at in range(5)
        ],
    )
    for end in range(len(whole) - 1):
        with pytest.raises(BatchError):
            split_batch(whole[:end], txn.MEDIA_TYPE)


@given(mutated(records.map(TapRecord.to_json)))
def test_one_line_by_itself(text: str) -> None:
    line = single_line(text.encode()).line(1)
    assert (line.number, line.text) == (1, text)
    found = line.record or (line.error and (line.error.field, line.error.rule))
    assert found == verdict(TapRecord.from_json, text)


def test_one_line_that_is_no_text() -> None:
    line = single_line(b"{\xff}").line(1)
    assert (line.record, str(line.error)) == (None, "byte 1 is not UTF-8")
