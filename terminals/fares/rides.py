"""What is known of a ride or stay: the input of every fare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self

from terminals.card.crypto import CHINA
from terminals.fares.errors import RideError
from terminals.fares.fields import MAX_FARE_FEN, Fields

MAX_SECONDS: Final = 86_400 * 31


@dataclass(frozen=True, slots=True)
class Ride:
    """One ride, stay or sale of a card. `id` is its natural key (card and counter), the same at every upload.

    `start` is the first tap, `end` the last, None where a fare needs one tap only, or the other one is missing: then the
    stop of that side (`entry`, `leaving`) is empty. `metres` and `waiting_s` come from a taxi's meter, `amount_fen` from a cashier.
    """

    id: str
    tariff: str
    start: datetime
    line: str = ""
    end: datetime | None = None
    entry: str = ""
    leaving: str = ""
    metres: int = 0
    waiting_s: int = 0
    amount_fen: int = 0

    def __post_init__(self) -> None:
        """Times are in China's time, to the second. Raises RideError."""
        if self.start.tzinfo is None or (self.end and self.end.tzinfo is None):
            raise RideError(f"ride {self.id}: a time has no offset")
        if self.end and self.end < self.start:
            raise RideError(f"ride {self.id}: the exit lies before the entry")
        object.__setattr__(self, "start", self.start.astimezone(CHINA).replace(microsecond=0))
        if self.end:
            object.__setattr__(self, "end", self.end.astimezone(CHINA).replace(microsecond=0))

    @property
    def day(self) -> date:
        """The date whose documents judge it."""
        return self.start.date()

    @property
    def last(self) -> datetime:
        """The last that was heard of it."""
        return self.end or self.start

    @property
    def order(self) -> tuple[datetime, str]:
        """Rides of a card are priced in this order, whenever they were uploaded."""
        return self.start, self.id

    def to_json(self) -> dict[str, Any]:
        """With nothing that is empty."""
        said: dict[str, Any] = {"id": self.id, "tariff": self.tariff, "start": self.start.isoformat()}
        if self.end:
            said["end"] = self.end.isoformat()
        rest = ("line", "entry", "leaving", "metres", "waiting_s", "amount_fen")
        return said | {key: value for key in rest if (value := getattr(self, key))}

    @classmethod
    def from_json(cls, value: object, path: str = "ride") -> Self:
        """The opposite of `to_json`. Raises DocumentError, RideError."""
        fields = Fields(value, path)
        ride = cls(
            id=fields.text("id"),
            tariff=fields.code("tariff"),
            start=fields.moment("start"),
            line=fields.text("line") if fields.has("line") else "",
            end=fields.moment("end") if fields.has("end") else None,
            entry=fields.code("entry") if fields.has("entry") else "",
            leaving=fields.code("leaving") if fields.has("leaving") else "",
            metres=fields.metres("metres") if fields.has("metres") else 0,
            waiting_s=fields.whole("waiting_s", 0, MAX_SECONDS) if fields.has("waiting_s") else 0,
            amount_fen=fields.whole("amount_fen", 0, MAX_FARE_FEN) if fields.has("amount_fen") else 0,
        )
        fields.done()
        return ride
