"""Errors of the fares, in the tree a terminal program catches."""

from __future__ import annotations

from terminals.card.errors import CardError


class FareError(CardError):
    """A tariff's rule is wrong, or it has no fare for what was asked."""


class DocumentError(FareError):
    """A fare document breaks its form. `field` is the path of what is wrong (`rule.steps[0].step_m`), `rule` what it breaks."""

    def __init__(self, field: str, rule: str) -> None:
        """Say both."""
        self.field = field
        self.rule = rule
        super().__init__(f"{field or 'document'}: {rule}")


class RideError(FareError):
    """What is told of a ride cannot be: two rides of one id, an exit before the entry, a charge without a ride."""


class GtfsError(FareError):
    """A GTFS feed cannot be read as fares here. `file` is the table, `rule` what is wrong with it."""

    def __init__(self, file: str, rule: str) -> None:
        """Say both."""
        self.file = file
        self.rule = rule
        super().__init__(f"{file}: {rule}")


class GtfsCannotSay(FareError):
    """GTFS has no words for a part of the documents; nothing was written. `what` names the document and the part."""

    def __init__(self, what: str) -> None:
        """Say what."""
        self.what = what
        super().__init__(f"GTFS cannot say {what}")
