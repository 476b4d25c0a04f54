"""Whether the terminal takes cards, and what it has to tell the centre besides purchases; all of it is in the journal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

EVENTS_AT_ONCE: Final = 100
"""The centre takes no more in one body."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Out of service since a moment, for a reason; so many rides were free meanwhile, and are billed to nobody."""

    since: datetime
    detail: str
    free_rides: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For the journal."""
        return {"since": self.since.isoformat(), "detail": self.detail, "free_rides": self.free_rides}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """From the journal."""
        return cls(datetime.fromisoformat(content["since"]), content["detail"], content["free_rides"])


@dataclass(slots=True)
class Standing:
    """`terminal_no` is the SAM the journal belongs to, `suspended` the centre's last word.

    `events` wait to be told, by their running number, as the centre's interface has them; `numbered` is the last number given.
    `refunds` counts refunds asked for, `asking` are those without an answer: their number and time by sale and amount, so that
    asking again is the same question.
    """

    terminal_no: str = ""
    suspended: bool = False
    outage: Outage | None = None
    numbered: int = 0
    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    refunds: int = 0
    asking: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tell(self, kind: str, occurred_at: datetime, **more: Any) -> None:
        """One more event."""
        self.numbered += 1
        at = occurred_at.isoformat(timespec="seconds")
        self.events[self.numbered] = {"number": self.numbered, "kind": kind, "occurred_at": at, **more}

    def ask(self, sale: str, at: str) -> None:
        """A refund is about to be asked for."""
        self.refunds += 1
        self.asking[sale] = {"number": self.refunds, "at": at}

    def close(self, since: datetime, detail: str) -> None:
        """Out of service."""
        self.outage = Outage(since, detail)
        self.tell("out_of_service", since, detail=detail)

    def ride_free(self) -> None:
        """Somebody was let through."""
        if self.outage:
            self.outage = replace(self.outage, free_rides=self.outage.free_rides + 1)

    def open(self, when: datetime) -> None:
        """In service again: the rides that were free are told in one event, and are over and done with."""
        if self.outage is None:
            return
        if self.outage.free_rides:
            self.tell("free_ride", when, times=self.outage.free_rides)
        self.tell("in_service", when)
        self.outage = None

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "terminal_no": self.terminal_no,
            "suspended": self.suspended,
            "outage": self.outage.to_dict() if self.outage else None,
            "numbered": self.numbered,
            "events": list(self.events.values()),
            "refunds": self.refunds,
            "asking": self.asking,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """From a checkpoint; one written before there was any of this is empty."""
        if not content:
            return cls()
        outage = Outage.from_dict(content["outage"]) if content["outage"] else None
        events = {event["number"]: event for event in content["events"]}
        return cls(
            content["terminal_no"], content["suspended"], outage, content["numbered"], events, content["refunds"],
            content["asking"],
        )  # fmt: skip
