"""File contents as plain values: numbers, text, hex and ISO times, with names beside the codes that have one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any, Final

from terminals.card.apdu import ApduError
from terminals.card.codes import INDUSTRIES, T_UNION_REGIONS, TRIP_KINDS
from terminals.card.crypto import TransactionType
from terminals.card.errors import FormatError
from terminals.card.files import LogRecord, TripRecord
from terminals.card.layout import Layout
from terminals.card.status import StatusWord

Plain = dict[str, Any]

MISSING: Final = (
    StatusWord.WRONG_LENGTH,
    StatusWord.WRONG_FILE_TYPE,
    StatusWord.FUNCTION_NOT_SUPPORTED,
    StatusWord.FILE_NOT_FOUND,
    StatusWord.RECORD_NOT_FOUND,
    StatusWord.WRONG_P1_P2,
    StatusWord.WRONG_OFFSET,
    StatusWord.UNKNOWN_INS,
    StatusWord.UNKNOWN_CLA,
)
"""Refusals that mean: this card has no such part."""
TRANSACTIONS: Final = {kind.value: kind.name.lower() for kind in TransactionType}


def plain(record: object) -> Any:
    """A layout as a dictionary of plain values; bytes in hex, times ISO."""
    if is_dataclass(record):
        return {place.name: plain(getattr(record, place.name)) for place in fields(record)}
    if isinstance(record, bytes):
        return record.hex().upper()
    return record.isoformat() if isinstance(record, date) else record


def attempt(read: Callable[[], Any]) -> Any:
    """What `read` gives; None when the card has no such part, the reason when it refuses or its answer does not fit."""
    try:
        return read()
    except ApduError as error:
        return None if error.sw in MISSING else {"error": str(error), "sw": f"{error.sw:04X}"}
    except FormatError as error:
        return {"error": str(error)}


def parsed(parse: Callable[[bytes], object], content: bytes) -> Plain:
    """What `parse` makes of the bytes; what it refuses is shown raw beside the reason."""
    try:
        shown: Plain = plain(parse(content))
    except FormatError as error:
        return {"raw": content.hex().upper(), "error": str(error)}
    return shown


def whole(layout: type[Layout]) -> Callable[[bytes], Layout]:
    """A parser of a layout that leaves aside what a card has behind it."""
    return lambda content: layout.parse(content[: layout.length()])


def named(code: Any, names: Mapping[Any, str]) -> Plain:
    """A code with its name, None when it has none."""
    return {"code": code, "name": names.get(code)}


def log_entry(content: bytes, unit_fen: int = 1) -> Plain:
    """A record of EF18 or EF19 whose amounts count in units of so many fen."""
    entry = parsed(whole(LogRecord), content)
    for name in ("amount_fen", "overdraft_limit_fen"):
        if name in entry:
            entry[name] *= unit_fen
    return entry | {"kind_name": TRANSACTIONS.get(entry.get("kind", -1))}


def trip_entry(content: bytes) -> Plain:
    """A record of EF1E."""
    entry = parsed(whole(TripRecord), content)
    return entry | {
        "kind_name": TRIP_KINDS.get(entry.get("kind", -1)),
        "industry_name": INDUSTRIES.get(entry.get("industry", -1)),
        "city_name": T_UNION_REGIONS.get(entry.get("city", "")),
    }
