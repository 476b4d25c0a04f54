"""A batch: newline-delimited JSON. First a header `{"batch_no", "count", "total_fen"}`, then one tap record a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from terminals.wire.errors import BatchError
from terminals.wire.record import TapRecord

MEDIA_TYPE: Final = "application/x-ndjson"
MAX_RECORDS: Final = 50_000
_BATCH_NO: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
_STORED_NO: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
RESERVED: Final = ("online-", "unreadable-")
"""Prefixes the centre gives to batches of its own making."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a batch says of itself; the sum is in fen."""

    batch_no: str
    count: int
    total_fen: int


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


def read_header(line: str) -> Header:
    """The first line of a batch. BatchError with rule `header`."""
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
    return Header(**header)
