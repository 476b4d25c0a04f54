"""What a tap comes to: the fare with its derivation, what the statement says of it, and the trip that goes onto the chip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from terminals.fares.charge import Charge
from terminals.fares.words import explain
from terminals.program.purchase import MakeTrip
from terminals.program.result import Explained, yuan

_ZH, _EN = "zh-Hans", "en"
PLAIN: Final = ("flat", "free", "entered")
"""Fares that are told by their amount."""


@dataclass(frozen=True, slots=True)
class Due:
    """`charge` is what the amount stands on; None for a beginning that costs nothing yet.

    `trip` is the record's field (see `wire.trip`), `make_trip` makes the chip's own record from the balance left.
    """

    reason: str = "accepted"
    charge: Charge | None = None
    place: str = ""
    trip: str = ""
    make_trip: MakeTrip | None = None

    @property
    def fare_fen(self) -> int:
        """What the card is to pay."""
        return self.charge.amount_fen if self.charge else 0

    @property
    def explained(self) -> Explained:
        """The fare before discounts, the rules that made it, and the sentences."""
        if self.charge is None:
            return Explained(0)
        rules = tuple(dict.fromkeys(step.rule for step in self.charge.steps))
        is_story = len(self.charge.steps) > 1 or self.charge.steps[0].message not in PLAIN
        zh, en = _line(self.charge, _ZH), _line(self.charge, _EN)
        return Explained(self.charge.full_fen, rules, zh, en, is_story)


def _line(charge: Charge, language: str) -> str:
    return "; ".join(f"{words} {yuan(fen)}" for words, fen in explain(charge, language))
