"""A ride paid by ride code (乘车码), as a terminal reports it: what the phone showed, what it cost, when and where.

One JSON object a line: `code` (the text as scanned), `amount_fen`, `occurred_at` (ISO 8601 with offset, whole seconds), and
`place` if there is one. `POST /api/v1/rides` takes at most 1,000 lines; the answer has one result for each line, in their
order. A code is a ride once: sent again by the same terminal it is `duplicate`, by another one `qr_replayed`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from terminals.wire.errors import RecordError
from terminals.wire.record import MAX_PLACE

MAX_RIDES: Final = 1_000
MAX_CODE: Final = 200
MAX_RIDE_FEN: Final = 0xFF_FFFF
_FIELDS: Final = frozenset({"code", "amount_fen", "occurred_at", "place"})


@dataclass(frozen=True, slots=True)
class RideRecord:
    """One ride. The code is not read here: whether it is genuine is the centre's judgement, and a result, not an error."""

    code: str
    amount_fen: int
    occurred_at: datetime
    place: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As it is told; an empty place is left out."""
        content: dict[str, Any] = {
            "code": self.code,
            "amount_fen": self.amount_fen,
            "occurred_at": self.occurred_at.isoformat(timespec="seconds"),
        }
        if self.place:
            content["place"] = self.place
        return content

    def to_json(self) -> str:
        """One line without spaces."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """From a parsed object, strictly; RecordError names the first field that breaks its rule."""
        if unknown := content.keys() - _FIELDS:
            raise RecordError("line", f"has {len(unknown)} fields that a ride has not")
        code, amount_fen, place = content.get("code"), content.get("amount_fen"), content.get("place", "")
        if not isinstance(code, str) or not code.isascii() or not 0 < len(code) <= MAX_CODE:
            raise RecordError("code", f"must be the text of the code, at most {MAX_CODE} ASCII characters")
        if type(amount_fen) is not int or not 0 <= amount_fen <= MAX_RIDE_FEN:
            raise RecordError("amount_fen", f"must be a whole number from 0 to {MAX_RIDE_FEN}")
        if not isinstance(place, str) or len(place) > MAX_PLACE or not (place.isprintable() or not place):
            raise RecordError("place", f"must be printable text of at most {MAX_PLACE} characters")
        return cls(code, amount_fen, _moment(content.get("occurred_at")), place)


def build_rides(rides: Iterable[RideRecord]) -> bytes:
    """The body to post."""
    return "".join(f"{ride.to_json()}\n" for ride in rides).encode()


def _moment(value: Any) -> datetime:
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        when = None
    if when is None or when.utcoffset() is None or when.microsecond or not 2000 <= when.year < 9999:
        raise RecordError("occurred_at", "must be ISO 8601 with an offset, in whole seconds, from 2000 on")
    return when
