"""A tap record: one purchase as the terminal's journal, the online request and the batch file all write it.

One JSON object; amounts in fen, `occurred_at` ISO 8601 with offset, byte strings in upper-case hex.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from terminals.wire.errors import RecordError
from terminals.wire.trip import matched as demand_trip

MAX_RECORD_BYTES: Final = 2_000
MAX_AMOUNT_FEN: Final = 0x7FFF_FFFF
MAX_PLACE: Final = 40
PURCHASE_TYPES: Final = (6, 9)
"""Purchase and compound (CAPP) purchase, JR/T 0025.2."""

_TERMINAL_NO: Final = re.compile(r"[0-9A-F]{12}")
_CARD_NO: Final = re.compile(r"[0-9]{16}(?:[0-9]{3})?")
_TAC: Final = re.compile(r"[0-9A-F]{8}")
_OPTIONAL: Final = {"place": "", "trip": ""}
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TapRecord:
    """One finished purchase. `atc` is the card's offline counter as INITIALIZE answered it (before increment).

    `balance_fen` is the chip's balance after the purchase, `type` 6 (purchase) or 9 (compound purchase), `place` a text to
    show, `trip` what a fare needs (`terminals.wire.trip`).
    """

    terminal_no: str
    terminal_seq: int
    card_no: str
    atc: int
    type: int
    amount_fen: int
    balance_fen: int
    occurred_at: datetime
    tac: str
    key_version: int
    place: str = ""
    trip: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; an empty place or trip is left out."""
        content = {name: getattr(self, name) for name in _FIELDS}
        content["occurred_at"] = self.occurred_at.isoformat(timespec="seconds")
        return {name: value for name, value in content.items() if value != "" or name not in _OPTIONAL}

    def to_json(self) -> str:
        """One line without spaces, fields in the order of the class: the canonical form."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> TapRecord:
        """Parse and check strictly; RecordError names the first field that breaks its rule."""
        if len(line) > MAX_RECORD_BYTES:
            raise RecordError("", f"a record has at most {MAX_RECORD_BYTES} characters")
        try:
            content = json.loads(line, object_pairs_hook=_no_repeats)
        except (ValueError, RecursionError) as error:
            if isinstance(error, _RepeatedName):
                raise RecordError(str(error), "stands twice") from error
            raise RecordError("", "is not JSON") from error
        if not isinstance(content, dict):
            raise RecordError("", "is not a JSON object")
        return cls.from_dict(content)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TapRecord:
        """As `from_json`, from a parsed object."""
        if content.keys() - _NAMES:
            raise RecordError(_shown(min(content.keys() - _NAMES)), "is not a field of a tap record")
        values = {**_OPTIONAL, **content}
        if missing := _NAMES - values.keys():
            raise RecordError(min(missing), "is missing")
        _pattern(values, "terminal_no", _TERMINAL_NO, "12 upper-case hexadecimal digits")
        _whole(values, "terminal_seq", 0, 0xFFFF_FFFF)
        _pattern(values, "card_no", _CARD_NO, "16 or 19 digits")
        _whole(values, "atc", 0, 0xFFFF)
        if _whole(values, "type", 0, 0xFF) not in PURCHASE_TYPES:
            raise RecordError("type", "must be 6 or 9")
        _whole(values, "amount_fen", 0, MAX_AMOUNT_FEN)
        _whole(values, "balance_fen", -MAX_AMOUNT_FEN, MAX_AMOUNT_FEN)
        values["occurred_at"] = _moment(values["occurred_at"])
        _pattern(values, "tac", _TAC, "8 upper-case hexadecimal digits")
        _whole(values, "key_version", 0, 0xFF)
        _text(values, "place", MAX_PLACE)
        if not isinstance(values["trip"], str):
            raise RecordError("trip", "must be text")
        demand_trip(values["trip"])
        return cls(**values)


_FIELDS: Final = tuple(TapRecord.__dataclass_fields__)
_NAMES: Final = frozenset(_FIELDS)


class _RepeatedName(ValueError):
    pass


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take different values of a name that stands twice, so such an object is refused."""
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedName(_shown(next(name for name in names if names.count(name) > 1)))
    return content


def _shown(name: str) -> str:
    """A sender's field name made safe for messages, logs and the database."""
    return "".join(char if char.isprintable() else "?" for char in name[:40])


def _whole(values: Mapping[str, Any], field: str, low: int, high: int) -> int:
    value = values[field]
    if type(value) is not int or not low <= value <= high:
        raise RecordError(field, f"must be a whole number from {low} to {high}")
    return value


def _pattern(values: Mapping[str, Any], field: str, pattern: re.Pattern[str], rule: str) -> None:
    value = values[field]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RecordError(field, f"must be {rule}")


def _text(values: Mapping[str, Any], field: str, limit: int) -> None:
    value = values[field]
    if not isinstance(value, str) or len(value) > limit or not (value.isprintable() or not value):
        raise RecordError(field, f"must be printable text of at most {limit} characters")


def _moment(value: Any) -> datetime:
    """TAC and chip count in whole seconds, so a fraction cannot be meant."""
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        when = None
    offset = when.utcoffset() if when else None
    if when is None or offset is None or when.microsecond or offset.microseconds or not _is_card_time(when):
        raise RecordError("occurred_at", "must be ISO 8601 with an offset, in whole seconds, from 2000 on")
    return when


def _is_card_time(when: datetime) -> bool:
    """A day's margin at the far end, so that any time zone can show the instant."""
    return when >= _EARLIEST and when.year < 9999
