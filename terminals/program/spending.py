"""What each card paid here without the centre's word, today, and how often it rode for nothing: the counters behind limits.

A purchase counts until the centre has judged it by itself; one that goes up in a batch counts to the end of the day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

from terminals.card.crypto import CHINA
from terminals.wire.record import TapRecord

ENTRY: Final = "in:"
"""Begins the trip of a tap that is no ride yet."""


@dataclass(slots=True)
class Spending:
    """Count and sum (fen) by card of one day in China, the newest seen; a tap of another day begins anew.

    `free` counts rides over nothing, on a pass or by another right: they stay counted, whatever the centre says of them.
    """

    day: date | None = None
    by_card: dict[str, tuple[int, int]] = field(default_factory=dict)
    free: dict[str, int] = field(default_factory=dict)

    def add(self, record: TapRecord) -> None:
        """A purchase was made."""
        day = record.occurred_at.astimezone(CHINA).date()
        if day != self.day:
            self.day, self.by_card, self.free = day, {}, {}
        self._change(record, 1)
        if not record.amount_fen and not record.trip.startswith(ENTRY):
            self.free[record.card_no] = self.free.get(record.card_no, 0) + 1

    def take_back(self, record: TapRecord) -> None:
        """The centre has judged it: it is no longer an offline purchase."""
        if record.occurred_at.astimezone(CHINA).date() == self.day:
            self._change(record, -1)

    def of(self, card_no: str, day: date) -> tuple[int, int]:
        """Count and sum in fen of a card on a day."""
        return self.by_card.get(card_no, (0, 0)) if day == self.day else (0, 0)

    def rides_of(self, card_no: str, day: date) -> int:
        """How often a card rode for nothing on a day."""
        return self.free.get(card_no, 0) if day == self.day else 0

    def to_dict(self) -> dict[str, Any]:
        """For the journal."""
        return {"day": self.day.isoformat() if self.day else None, "by_card": self.by_card, "free": self.free}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """From the journal."""
        day = date.fromisoformat(content["day"]) if content["day"] else None
        return cls(
            day,
            {card: (count, fen) for card, (count, fen) in content["by_card"].items()},
            content.get("free", {}),
        )

    def _change(self, record: TapRecord, by: int) -> None:
        if not record.amount_fen:
            return
        count, fen = self.by_card.get(record.card_no, (0, 0))
        if count + by:
            self.by_card[record.card_no] = (count + by, fen + by * record.amount_fen)
        else:
            self.by_card.pop(record.card_no, None)
