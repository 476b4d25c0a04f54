"""Which stretch of the journal a batch is, so that a batch broken off is sent again with the very same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from terminals.program.journal import Position


@dataclass(frozen=True, slots=True)
class Stretch:
    """The `count` finished purchases between two positions, less `skip`: sequences the centre had answered singly before."""

    start: Position
    end: Position
    skip: frozenset[int]
    count: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For the journal."""
        skip = sorted(self.skip)
        return {"start": list(self.start), "end": list(self.end), "skip": skip, "count": self.count}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """From the journal."""
        start, end = Position(*content["start"]), Position(*content["end"])
        return cls(start, end, frozenset(content["skip"]), content.get("count", 0))
