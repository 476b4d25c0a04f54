"""A charge, and its derivation: all that is needed to work it out again, and why it is what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from terminals.fares.documents import Document, canonical_bytes
from terminals.fares.fields import MAX_FARE_FEN, Fields
from terminals.fares.holder import Standing
from terminals.fares.rides import Ride
from terminals.fares.steps import Step

INFERRED: Final = "inferred"
CLAIMED: Final = "claimed"


@dataclass(frozen=True, slots=True)
class Previous:
    """The ride before, as far as a transfer rule asks for it. `at` is its last tap."""

    ride: str
    line: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Completion:
    """The stop that was not tapped, and how it is known: inferred from the ride `source`, or claimed by the passenger."""

    stop: str
    how: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a charge depends on beside the documents: `previous` by transfer rule, `spent_fen` by cap."""

    ride: Ride
    standing: Standing = field(default_factory=Standing)
    previous: Mapping[str, Previous] = field(default_factory=dict)
    spent_fen: Mapping[str, int] = field(default_factory=dict)
    completion: Completion | None = None

    def to_json(self) -> dict[str, Any]:
        """As they stand in a derivation."""
        ended = self.completion
        return {
            "ride": self.ride.to_json(),
            "standing": self.standing.to_json(),
            "previous": {
                rule: {"ride": last.ride, "line": last.line, "at": last.at.isoformat()}
                for rule, last in self.previous.items()
            },
            "spent_fen": dict(self.spent_fen),
            "completion": {"stop": ended.stop, "how": ended.how, "source": ended.source} if ended else None,
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The opposite. Raises DocumentError, RideError."""
        fields = Fields(value, "inputs")
        previous, spent = fields.object("previous"), fields.object("spent_fen")
        inputs = cls(
            ride=Ride.from_json(fields.raw("ride"), "inputs.ride"),
            standing=Standing.from_json(fields.object("standing")),
            previous={rule: _previous(previous.object(rule)) for rule in previous},
            spent_fen={cap: spent.whole(cap, 0, MAX_FARE_FEN * 1000) for cap in spent},
            completion=_completion(fields.object("completion")) if fields.has("completion") else None,
        )
        fields.done()
        return inputs


@dataclass(frozen=True, slots=True)
class Alternative:
    """One lawful way to price the ride, before caps: the rules used, and what it comes to."""

    rules: tuple[str, ...]
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Share:
    """What a payer owes for what a rule gave away on this ride."""

    payer: str
    rule: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What a ride costs. The steps sum to `amount_fen`; the cheapest of `alternatives` is the one `chosen`."""

    inputs: Inputs
    full_fen: int
    amount_fen: int
    steps: tuple[Step, ...]
    alternatives: tuple[Alternative, ...]
    chosen: tuple[str, ...]
    shares: tuple[Share, ...]
    documents: tuple[Document, ...]

    @property
    def ride(self) -> Ride:
        """The ride charged."""
        return self.inputs.ride

    def derivation(self) -> dict[str, Any]:
        """Machine-readable: inputs, documents with digest and law, alternatives, steps, shares."""
        return {
            "inputs": self.inputs.to_json(),
            "documents": [document.reference() for document in self.documents],
            "full_fen": self.full_fen,
            "alternatives": [
                {"rules": list(item.rules), "amount_fen": item.amount_fen} for item in self.alternatives
            ],
            "chosen": list(self.chosen),
            "steps": [step.to_json() for step in self.steps],
            "amount_fen": self.amount_fen,
            "shares": [
                {"payer": share.payer, "rule": share.rule, "amount_fen": share.amount_fen}
                for share in self.shares
            ],
        }

    def canonical(self) -> bytes:
        """The derivation's canonical bytes: the same for the same inputs and documents, whoever works it out."""
        return canonical_bytes(self.derivation())


def _previous(fields: Fields) -> Previous:
    last = Previous(
        fields.text("ride"), fields.text("line") if fields.raw("line") else "", fields.moment("at")
    )
    fields.done()
    return last


def _completion(fields: Fields) -> Completion:
    how = fields.choice("how", {INFERRED: INFERRED, CLAIMED: CLAIMED})
    source = fields.text("source") if fields.raw("source") else ""
    completion = Completion(fields.code("stop"), how, source)
    fields.done()
    return completion
