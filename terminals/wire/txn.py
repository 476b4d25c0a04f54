"""The TXN form of a batch, for depots whose software writes fixed columns: the same records as in JSON lines.

UTF-8, each line ended by one LF, texts at the left and filled up with spaces, numbers at the right and filled up with zeros,
hexadecimal digits in upper case, times of Beijing. A header (version, batch number), records (`D`), a trailer (`T`, count,
sum). Version `H01` is without the records' trips; `H02` has 64 columns more for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from terminals.wire.batch import Header, is_batch_no
from terminals.wire.errors import BatchError, RecordError
from terminals.wire.record import TapRecord
from terminals.wire.trip import BEIJING, MAX_TRIP

MEDIA_TYPE: Final = "text/x-txn"
NUMBER_WIDTH: Final = 32
PLACE_BYTES: Final = 120
"""Forty Chinese characters."""
COLUMNS: Final = {
    "terminal_no": 12,
    "terminal_seq": 10,
    "card_no": 19,
    "atc": 5,
    "type": 2,
    "amount_fen": 10,
    "balance_fen": 11,
    "occurred_at": 14,
    "tac": 8,
    "key_version": 3,
    "place": PLACE_BYTES,
}
"""Widths in bytes, in the order in which they follow the record mark; a balance begins with its sign."""
COLUMNS_WITH_TRIP: Final = COLUMNS | {"trip": MAX_TRIP}
VERSIONS: Final = {"H01": COLUMNS, "H02": COLUMNS_WITH_TRIP}

_HEADER: Final = re.compile(rf"({'|'.join(VERSIONS)})([!-~]{{1,{NUMBER_WIDTH}}}) *")
_TRAILER: Final = re.compile(r"T([0-9]{8})([0-9]{14})")
_WHOLE: Final = re.compile(r"[0-9]+")
_SIGNED: Final = re.compile(r"[+-][0-9]+")
_TIME: Final = "%Y%m%d%H%M%S"


def build_txn(batch_no: str, records: Iterable[TapRecord]) -> bytes:
    """The body to upload, `H02` when a record has a trip.

    ValueError for a number that could not be accepted or a place that has no room or ends in a space.
    """
    if not is_batch_no(batch_no):
        raise ValueError("a batch number has 1 to 32 letters, digits, dots, dashes or underscores")
    kept = list(records)
    trailer = f"T{len(kept):08d}{sum(item.amount_fen for item in kept):014d}"
    version = "H02" if any(item.trip for item in kept) else "H01"
    columns = VERSIONS[version]
    lines = [f"{version}{batch_no:<{NUMBER_WIDTH}}", *(_written(item, columns) for item in kept), trailer]
    return "".join(f"{line}\n" for line in lines).encode()


def line_bytes(columns: Mapping[str, int]) -> int:
    """Length of a record line, without its LF."""
    return 1 + sum(columns.values())


def _written(record: TapRecord, columns: Mapping[str, int]) -> str:
    place = record.place.encode()
    if len(place) > PLACE_BYTES or place.endswith(b" "):
        raise ValueError(f"a place has at most {PLACE_BYTES} bytes here, the last one no space")
    when = record.occurred_at.astimezone(BEIJING).strftime(_TIME)
    return (
        f"D{record.terminal_no}{record.terminal_seq:010d}{record.card_no:<19}{record.atc:05d}{record.type:02d}"
        f"{record.amount_fen:010d}{record.balance_fen:+011d}{when}{record.tac}{record.key_version:03d}"
        f"{record.place}{' ' * (PLACE_BYTES - len(place))}{record.trip:<{columns.get('trip', 0)}}"
    )


def read_header(first: str, last: str) -> Header:
    """From the first and the last line. BatchError with rule `header` or `trailer`."""
    header = _HEADER.fullmatch(first)
    if header is None or len(first) != len(header[1]) + NUMBER_WIDTH:
        raise BatchError(
            "header",
            f"the first line is {' or '.join(VERSIONS)} and a batch number in {NUMBER_WIDTH} columns",
        )
    number = header[2]
    if not is_batch_no(number):
        raise BatchError("header", "batch_no has 1 to 32 letters, digits, dots, dashes or underscores")
    trailer = _TRAILER.fullmatch(last)
    if trailer is None:
        rule = "the last line is T, the count in 8 digits and the sum in 14"
        raise BatchError("trailer", rule, batch_no=number)
    return Header(number, int(trailer[1]), int(trailer[2]))


def read_record(line: str, columns: Mapping[str, int] = COLUMNS) -> TapRecord:
    """One record line. RecordError names the first field that breaks its rule, and its columns, counted in bytes from 1."""
    written = line.encode()
    if len(written) != line_bytes(columns) or not written.startswith(b"D"):
        raise RecordError("", f"a record is D and has {line_bytes(columns)} bytes")
    content: dict[str, Any] = {}
    at = 1
    for field, width in columns.items():
        text = written[at : at + width].decode("utf-8", "replace")
        content[field] = _value(field, text, f"columns {at + 1} to {at + width} must hold")
        at += width
    return TapRecord.from_dict(content)


def _value(field: str, text: str, columns: str) -> Any:
    match field:
        case "terminal_no" | "tac":
            return text
        case "card_no" | "place" | "trip":
            return text.rstrip(" ")
        case "occurred_at":
            return _moment(text, columns)
        case "balance_fen":
            if _SIGNED.fullmatch(text):
                return int(text)
            raise RecordError(field, f"{columns} a sign and {len(text) - 1} digits")
        case _:
            if _WHOLE.fullmatch(text):
                return int(text)
            raise RecordError(field, f"{columns} {len(text)} digits")


def _moment(text: str, columns: str) -> str:
    if _WHOLE.fullmatch(text):
        try:
            return datetime.strptime(text, _TIME).replace(tzinfo=BEIJING).isoformat()
        except ValueError:
            pass
    raise RecordError("occurred_at", f"{columns} a time of Beijing as YYYYMMDDhhmmss")
