"""An uploaded batch, read at once: rows for the records that can be read, an error for each of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from terminals.wire import batch, ndjson, txn, txn_lines
from terminals.wire.batch import MAX_RECORDS, Header
from terminals.wire.columns import ROW, Octets, Rows, record_of, rows_of
from terminals.wire.cursor import MARGIN, Flags, Numbers
from terminals.wire.errors import BatchError, RecordError
from terminals.wire.record import TapRecord


@dataclass(frozen=True, slots=True)
class Line:
    """One record line as it came. `number` counts from 1 with the header, as an editor does."""

    number: int
    text: str
    record: TapRecord | None
    error: RecordError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The record lines of an upload. `rows` has one for each; where a line cannot be read it is zero and not `good`."""

    rows: Rows
    good: Flags
    octets: Octets
    starts: Numbers
    ends: Numbers
    errors: dict[int, RecordError]
    """By line number."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def total_fen(self) -> int:
        """Sum of the records that can be read."""
        return int(self.rows["amount_fen"].sum())

    def line(self, number: int) -> Line:
        """One of them as an object, for whoever has something to say about it."""
        at = number - int(self.rows["line"][0])
        text = self.octets[self.starts[at] : self.ends[at]].tobytes().decode("utf-8", "replace")
        if number in self.errors:
            return Line(number, text, None, self.errors[number])
        return Line(number, text, record_of(self.rows[at], self.octets))


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """A batch whose header is right."""

    batch_no: str
    total_fen: int
    lines: Lines


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write a batch: how to read its header, many lines at once, and one line strictly."""

    read_header: Callable[[str, str], Header]
    """From the first line and the last."""
    read_lines: Callable[[Octets, Numbers, Numbers], tuple[Rows, Flags]]
    read_record: Callable[[str], TapRecord]
    trailers: int
    """Lines after the records."""


_NDJSON: Final = Form(lambda first, last: batch.read_header(first), ndjson.read_lines, TapRecord.from_json, 0)
_TXN: Final = Form(txn.read_header, txn_lines.read_lines, txn.read_record, 1)
_TXN_WITH_TRIP: Final = replace(
    _TXN,
    read_lines=txn_lines.read_lines_with_trip,
    read_record=partial(txn.read_record, columns=txn.COLUMNS_WITH_TRIP),
)


def form_of(body: bytes, media_type: str) -> Form:
    """How to read a body of that media type."""
    if media_type == batch.MEDIA_TYPE:
        return _NDJSON
    return _TXN_WITH_TRIP if body.startswith(b"H02") else _TXN


def split_batch(body: bytes, media_type: str = batch.MEDIA_TYPE) -> ParsedBatch:
    """Read a batch; a record that cannot be read keeps its error, a wrong header refuses the whole.

    Raises BatchError with rule `encoding`, `header`, `trailer`, `count`, `too_many_records` or `total`. The total covers
    the records that can be read; one that cannot is rejected by itself later.
    """
    form = form_of(body, media_type)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BatchError("encoding", f"byte {error.start} is not UTF-8") from error
    header = read_header(body, media_type)
    # Not splitlines(): characters such as U+2028 may stand inside a JSON string.
    count = body.count(b"\n") + (not body.endswith(b"\n")) - 1 - form.trailers
    if count > MAX_RECORDS:
        raise BatchError(
            "too_many_records",
            f"a batch holds at most {MAX_RECORDS} records",
            batch_no=header.batch_no,
            records=count,
        )
    lines = _read(body, count, form)
    _demand_sums(header, lines)
    return ParsedBatch(header.batch_no, header.total_fen, lines)


def read_header(body: bytes, media_type: str) -> Header:
    """What the batch says of itself, without a look at its records. BatchError with rule `header` or `trailer`."""
    first, last = (line.decode("utf-8", "replace") for line in _ends(body))
    return form_of(body, media_type).read_header(first, last)


def _ends(body: bytes) -> tuple[bytes, bytes]:
    """The first line, and the last if there is another; the body is not copied for it."""
    first_end = body.find(b"\n")
    last_end = len(body) - body.endswith(b"\n")
    last_begin = body.rfind(b"\n", 0, last_end) + 1
    return body[:first_end] if first_end >= 0 else body, body[last_begin:last_end] if last_begin else b""


def single_line(body: bytes) -> Lines:
    """One record in JSON by itself, as line 1."""
    octets = np.frombuffer(body, np.uint8)
    starts, ends = np.zeros(1, np.int64), np.full(1, len(body))
    rows, good = np.zeros(1, ROW), np.zeros(1, np.bool_)
    return _completed(Lines(rows, good, octets, starts, ends, {}), TapRecord.from_json, first=1)


def _read(body: bytes, count: int, form: Form) -> Lines:
    octets = np.frombuffer(body + bytes(MARGIN), np.uint8)
    breaks = np.append(np.flatnonzero(octets[: len(body)] == ord("\n")), len(body))
    starts, ends = breaks[:count] + 1, breaks[1 : count + 1]
    rows, good = form.read_lines(octets, starts, ends)
    rows[~good] = 0
    return _completed(Lines(rows, good, octets, starts, ends, {}), form.read_record, first=2)


def _completed(lines: Lines, read_record: Callable[[str], TapRecord], *, first: int) -> Lines:
    """Number the lines, and read strictly, one by one, those that could not be read side by side."""
    rows, good = lines.rows, lines.good
    rows["line"] = np.arange(first, first + len(rows))
    read: list[tuple[int, TapRecord]] = []
    for at in np.flatnonzero(~good):
        number = int(rows["line"][at])
        try:
            read.append(
                (number, read_record(lines.octets[lines.starts[at] : lines.ends[at]].tobytes().decode()))
            )
        except UnicodeDecodeError as error:
            lines.errors[number] = RecordError("", f"byte {error.start} is not UTF-8")
        except RecordError as error:
            lines.errors[number] = error
    if not read:
        return lines
    written, texts = rows_of(read, len(lines.octets))
    which = written["line"] - first
    rows[which], good[which] = written, True
    return replace(lines, octets=np.append(lines.octets, np.frombuffer(texts, np.uint8)))


def _demand_sums(header: Header, lines: Lines) -> None:
    refused = partial(BatchError, batch_no=header.batch_no, records=len(lines), total_fen=lines.total_fen)
    if header.count != len(lines):
        raise refused("count", f"the header says {header.count} records, the body holds {len(lines)}")
    if not lines.errors and header.total_fen != lines.total_fen:
        raise refused(
            "total", f"the header says {header.total_fen} fen, the records sum to {lines.total_fen}"
        )
