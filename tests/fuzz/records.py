"""Records by the million through the batch readers: what thousands of lines are side by side, each is alone.

    .venv/bin/python -m tests.fuzz.records --records 1000000

Every body is a lawful file in one of its forms in which lines were damaged: bytes changed, put in, taken out, doubled, swapped
between lines. The strict reader of single lines judges them one by one; the two must never disagree, and nothing may be raised
but the format's own errors.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import perf_counter
from typing import Final

from terminals.wire import batch, txn
from terminals.wire.errors import BatchError, RecordError
from terminals.wire.record import TapRecord
from terminals.wire.upload import split_batch

RECORDS_A_BODY: Final = 2_000
NOT_TEXT: Final = 0.02
TRIPS: Final = (
    "",
    "@K1",
    "in:S1",
    "out:S07:S02:20260302113000@K1",
    "out:0:?:?",
    "meter:12300:95:20260302113000",
)
PLACES: Final = ("", "东湖", "a→b", "x" * 40, "湖" * 40)
NOISE: Final = b'0123456789ABCDEFabcdef{}[]",:.-+@?\\ \x00\r\xe6\xb9\x96\xff'
RECORD: Final = TapRecord.from_dict(
    {
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
)


@dataclass
class Tally:
    """What came of the records; `unlike` are lines that the two readers take differently."""

    read: int = 0
    refused: int = 0
    whole: int = 0
    unlike: int = 0

    @property
    def records(self) -> int:
        """All that were judged."""
        return self.read + self.refused


def fuzz(records: int, seed: int) -> Tally:
    """Damage and read so many records."""
    lot, tally = random.Random(seed), Tally()
    while tally.records < records:
        _body(lot, tally)
    return tally


def _body(lot: random.Random, tally: Tally) -> None:
    form = lot.choice(("ndjson", "H01", "H02"))
    taps = [_record(lot, with_trip=form != "H01") for _ in range(RECORDS_A_BODY)]
    build = batch.build_batch if form == "ndjson" else txn.build_txn
    first, *lines = build("B", taps).rstrip(b"\n").split(b"\n")
    lines, trailer = (lines, []) if form == "ndjson" else (lines[:-1], lines[-1:])
    damaged = [line if lot.random() < 0.3 else _damaged(lot, line, lines) for line in lines]
    if lot.random() > NOT_TEXT:  # a byte that is no text refuses the whole
        damaged = [line.decode("utf-8", "replace").encode() for line in damaged]
    columns = txn.VERSIONS.get(first[:3].decode(), txn.COLUMNS)
    read = TapRecord.from_json if form == "ndjson" else partial(txn.read_record, columns=columns)
    verdicts = [_verdict(read, line) for line in damaged]
    first, trailer = _summed(form, first, verdicts)
    body = b"\n".join([first, *damaged, *trailer, b""])
    media_type = batch.MEDIA_TYPE if form == "ndjson" else txn.MEDIA_TYPE
    try:
        lines_read = split_batch(body, media_type).lines
    except BatchError:
        tally.whole += 1
        tally.refused += len(damaged)
        tally.unlike += all(_is_text(line) for line in damaged)
        return
    for number, verdict in enumerate(verdicts, start=2):
        line = lines_read.line(number)
        found = line.record or (line.error and (line.error.field, line.error.rule))
        tally.unlike += found != verdict
        tally.read += line.record is not None
        tally.refused += line.record is None


def _summed(
    form: str, first: bytes, verdicts: list[TapRecord | tuple[str, str]]
) -> tuple[bytes, list[bytes]]:
    """Header and trailer that are right for what can be read."""
    total = sum(item.amount_fen for item in verdicts if isinstance(item, TapRecord))
    if form == "ndjson":
        return f'{{"batch_no":"B","count":{len(verdicts)},"total_fen":{total}}}'.encode(), []
    return first, [f"T{len(verdicts):08d}{total:014d}".encode()]


def _record(lot: random.Random, *, with_trip: bool) -> TapRecord:
    values = RECORD.to_dict() | {
        "terminal_seq": lot.randrange(1 << 32),
        "card_no": lot.choice(("3104397000000000001", "3104397000000001")),
        "atc": lot.randrange(1 << 16),
        "type": lot.choice((6, 9)),
        "amount_fen": lot.randrange(1 << 20),
        "balance_fen": lot.randrange(-1_000, 1 << 20),
        "occurred_at": (RECORD.occurred_at + timedelta(seconds=lot.randrange(1 << 27))).isoformat(),
        "place": lot.choice(PLACES),
        "trip": lot.choice(TRIPS) if with_trip else "",
    }
    return TapRecord.from_dict(values)


def _damaged(lot: random.Random, line: bytes, others: list[bytes]) -> bytes:
    at, end = sorted((lot.randrange(len(line)), lot.randrange(len(line))))
    noise = bytes(lot.choice(NOISE) for _ in range(lot.randrange(1, 4)))
    match lot.randrange(6):
        case 0:
            return line[:at] + noise[:1] + line[at + 1 :]
        case 1:
            return line[:at] + noise + line[at:]
        case 2:
            return line[:at] + line[min(end, at + 3) :]
        case 3:
            return line[:at] + line[at:end] + line[at:]
        case 4:
            return line[:at] + lot.choice(others)[at:]
        case _:
            return line[:at] + noise + line[at + len(noise) :]


def _verdict(read: Callable[[str], TapRecord], line: bytes) -> TapRecord | tuple[str, str]:
    try:
        return read(line.decode())
    except UnicodeDecodeError as error:
        return "", f"byte {error.start} is not UTF-8"
    except RecordError as error:
        return error.field, error.rule


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def main() -> int:
    """As the module; 1 when the readers disagree."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.records")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = perf_counter()
    tally = fuzz(options.records, options.seed)
    print(f"{tally}, {tally.records:,} records in {perf_counter() - began:.0f} s")
    return 1 if tally.unlike else 0


if __name__ == "__main__":
    sys.exit(main())
