"""Which rule about personal data holds, and what it means for a date."""

from __future__ import annotations

from datetime import date
from typing import Final

from citizencard.privacy.models import PrivacyRule
from settlement.selectors.calendar import clock_date

CLOCK_DAYS: Final = 15
"""Working days, where the city has approved no clock of its own."""


def rule_on(subject: str, day: date) -> PrivacyRule | None:
    """The approved rule that holds on `day`; None where there is none."""
    approved = PrivacyRule.objects.filter(subject=subject, state=PrivacyRule.State.APPROVED)
    return approved.filter(valid_from__lte=day).order_by("-valid_from").first()


def due_on(subject: str, day: date) -> date:
    """By when something that was asked on `day` is answered."""
    rule = rule_on(subject, day)
    return clock_date(day, rule.days if rule else CLOCK_DAYS)
