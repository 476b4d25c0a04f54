"""The daily settle 批结算: what the journal holds, day by day, for the centre to compare with what it has got."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Self

from terminals.card.crypto import CHINA
from terminals.wire.record import TapRecord

UNFINISHED_MAX: Final = 100
"""The centre takes no more of them in one total."""


@dataclass(frozen=True, slots=True)
class Window:
    """Purchases of a day, from one sequence to another."""

    day: date
    first: int
    last: int
    records: int
    total_fen: int

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {**asdict(self), "day": self.day.isoformat()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """From a checkpoint."""
        return cls(**content | {"day": date.fromisoformat(content["day"])})


@dataclass(slots=True)
class Totals:
    """`current` is the window that still grows, `closed` wait to be told, by first sequence, as the centre's interface has them.

    What is closed stays as it was told: a purchase with a sequence up to `through` that ends later was told as unfinished.
    """

    through: int = -1
    current: Window | None = None
    closed: dict[int, dict[str, Any]] = field(default_factory=dict)

    def add(self, record: TapRecord, unfinished: Iterable[int]) -> None:
        """One more purchase; the first of a new day closes the window of the day before."""
        day = record.occurred_at.astimezone(CHINA).date()
        if self.current and self.current.day < day:
            self.close(record.occurred_at, unfinished)
        seq = record.terminal_seq
        window = self.current or Window(day, self.through + 1 if self.through >= 0 else seq, seq, 0, 0)
        if seq < window.first:
            return
        self.current = replace(
            window,
            last=max(window.last, seq),
            records=window.records + 1,
            total_fen=window.total_fen + record.amount_fen,
        )

    def take_back(self, record: TapRecord) -> None:
        """It was no purchase after all."""
        window = self.current
        if window and window.first <= record.terminal_seq <= window.last:
            self.current = replace(
                window, records=window.records - 1, total_fen=window.total_fen - record.amount_fen
            )

    def close(self, when: datetime, unfinished: Iterable[int]) -> None:
        """The window is complete, but for what is unfinished."""
        if (window := self.current) is None:
            return
        within = sorted(seq for seq in unfinished if window.first <= seq <= window.last)
        self.closed[window.first] = {
            "business_date": window.day.isoformat(),
            "from_seq": window.first,
            "to_seq": window.last,
            "records": window.records,
            "total_fen": window.total_fen,
            "unfinished": within[:UNFINISHED_MAX],
            "closed_at": when.isoformat(timespec="seconds"),
        }
        self.through, self.current = window.last, None

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        current = self.current.to_dict() if self.current else None
        return {"through": self.through, "current": current, "closed": list(self.closed.values())}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """From a checkpoint; one written before there was any of this is empty."""
        if not content:
            return cls()
        current = Window.from_dict(content["current"]) if content["current"] else None
        return cls(content["through"], current, {total["from_seq"]: total for total in content["closed"]})
