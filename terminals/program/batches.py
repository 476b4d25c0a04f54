"""Which stretch of the journal a batch is, so that a batch broken off is sent again with the very same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from terminals.program.journal import Position


@dataclass(frozen=True, slots=True)
class Stretch:
    """The finished purchases between two positions, less `skip`: sequences the centre had answered singly before."""

    start: Position
    end: Position
    skip: frozenset[int]

    def to_dict(self) -> dict[str, Any]:
        """For the journal."""
        return {"start": list(self.start), "end": list(self.end), "skip": sorted(self.skip)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """From the journal."""
        return cls(Position(*content["start"]), Position(*content["end"]), frozenset(content["skip"]))
