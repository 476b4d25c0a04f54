"""A batch: newline-delimited JSON. First a header `{"batch_no", "count", "total_fen"}`, then one tap record a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from terminals.wire.errors import BatchError, RecordError
from terminals.wire.record import TapRecord

MEDIA_TYPE: Final = "application/x-ndjson"
MAX_RECORDS: Final = 50_000
_BATCH_NO: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
_STORED_NO: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
RESERVED: Final = ("online-", "unreadable-")
"""Prefixes the centre gives to batches of its own making."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record line as it came. `number` counts from 1 with the header, as an editor does."""

    number: int
    text: str
    record: TapRecord | None
    error: RecordError | None = None


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """A batch whose header is right."""

    batch_no: str
    total_fen: int
    lines: tuple[Line, ...]


def build_batch(batch_no: str, records: Iterable[TapRecord]) -> bytes:
    """The body to upload. ValueError when the number could not be accepted."""
    if not is_batch_no(batch_no):
        raise ValueError("a batch number has 1 to 32 letters, digits, dots, dashes or underscores")
    kept = list(records)
    header = {"batch_no": batch_no, "count": len(kept), "total_fen": sum(item.amount_fen for item in kept)}
    lines = [json.dumps(header, separators=(",", ":")), *(item.to_json() for item in kept)]
    return "".join(f"{line}\n" for line in lines).encode()


def is_batch_no(value: object) -> bool:
    """Whether a terminal may use this batch number."""
    return isinstance(value, str) and bool(_BATCH_NO.fullmatch(value)) and not value.startswith(RESERVED)


def is_stored_no(value: str) -> bool:
    """Whether the centre may have stored a batch under this number, its own numbers included."""
    return bool(_STORED_NO.fullmatch(value))


def split_batch(body: bytes) -> ParsedBatch:
    """Read a batch; a record that does not parse keeps its error, a wrong header refuses the whole.

    Raises BatchError with rule `encoding`, `header`, `count`, `too_many_records` or `total`. The total covers the
    records that can be read; one that cannot is rejected by itself later.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BatchError("encoding", f"byte {error.start} is not UTF-8") from error
    # Not splitlines(): characters such as U+2028 may stand inside a JSON string.
    first, *rest = text.removesuffix("\n").split("\n")
    header = _header(first)
    if len(rest) > MAX_RECORDS:
        raise BatchError(
            "too_many_records",
            f"a batch holds at most {MAX_RECORDS} records",
            batch_no=header["batch_no"],
            records=len(rest),
        )
    lines = tuple(_lines(rest))
    total_fen = sum(line.record.amount_fen for line in lines if line.record)
    found = {"batch_no": header["batch_no"], "records": len(lines), "total_fen": total_fen}
    if header["count"] != len(lines):
        raise BatchError(
            "count", f"the header says {header['count']} records, the body holds {len(lines)}", **found
        )
    if all(line.record for line in lines) and header["total_fen"] != total_fen:
        raise BatchError(
            "total", f"the header says {header['total_fen']} fen, the records sum to {total_fen}", **found
        )
    return ParsedBatch(header["batch_no"], header["total_fen"], lines)


def _header(line: str) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BatchError("header", "the first line is not a JSON header") from error
    if not isinstance(header, dict) or header.keys() != {"batch_no", "count", "total_fen"}:
        raise BatchError("header", "the header has exactly batch_no, count and total_fen")
    if not is_batch_no(header["batch_no"]):
        raise BatchError("header", "batch_no has 1 to 32 letters, digits, dots, dashes or underscores")
    for name in ("count", "total_fen"):
        if type(header[name]) is not int or not 0 <= header[name] < 1 << 62:
            raise BatchError("header", f"{name} is a whole number from 0", batch_no=header["batch_no"])
    return header


def _lines(texts: list[str]) -> Iterator[Line]:
    for number, text in enumerate(texts, start=2):
        try:
            yield Line(number, text, TapRecord.from_json(text))
        except RecordError as error:
            yield Line(number, text, None, error)
