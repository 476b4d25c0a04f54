"""What a rule of the nightly search is: one SQL statement over one business date, and the thresholds it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from accounts.models import RiskRule
from citizencard.core.errors import InvalidField

LOOK_BACK: Final = "look_back_days"
"""The threshold that says how many days before the date are looked at as well; without it, the date alone."""
EVIDENCE_MAX: Final = 20
"""Taps, orders and so on kept with an alert: enough to judge it by, few enough to read."""

Check = Callable[[Any], bool]


def at_least(least: int) -> Check:
    """A whole number, not below `least`."""
    return lambda value: type(value) is int and value >= least


@dataclass(frozen=True, slots=True)
class Rule:
    """`sql` gives a row for each finding: subject kind, subject, card (or NULL), figures and evidence as JSON objects.

    It is given `day`, `since` (the first day looked at), `shown` (how much evidence is kept) and the thresholds by name. `version` is raised with every change
    of the statement that could change what it finds. A finding is about records booked on `day`, if only as one of two.
    """

    code: RiskRule
    version: int
    thresholds: Mapping[str, Check]
    sql: str

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise InvalidField for thresholds that are not this rule's, or not of their kind."""
        if strange := values.keys() ^ self.thresholds.keys():
            raise InvalidField(
                "values", _("not exactly the thresholds of the rule: %s") % ", ".join(sorted(strange))
            )
        for name, is_right in self.thresholds.items():
            if not is_right(values[name]):
                raise InvalidField(name, _("not a threshold of this rule"))
