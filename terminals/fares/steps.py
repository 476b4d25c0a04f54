"""A step of a derivation: an amount and why, as a message key with values that `words` turns into a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """`amount_fen` is added to what is charged (negative: taken off); all steps of a charge sum to it.

    `rule` is the id of the document the step stands on. Values ending in `_fen` are amounts; an object is a name by language.
    """

    rule: str
    message: str
    amount_fen: int
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a derivation."""
        return {
            "rule": self.rule,
            "message": self.message,
            "amount_fen": self.amount_fen,
            "values": dict(self.values),
        }
