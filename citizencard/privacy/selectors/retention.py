"""What is kept for how long: the tables that a rule may shorten, from when a row's age counts, and what holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.sessions.models import Session
from django.db.models import Model, Q, QuerySet

from accounts.models import Notice
from citizencard.bridge.models import PairingCode
from citizencard.core.calendar import shanghai
from citizencard.models import SignInAttempts
from citizencard.privacy.models import LegalHold, PrivacyRule
from citizencard.privacy.selectors.rules import rule_on

Subject = PrivacyRule.Subject


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind of rows: those that are older than a moment, the look-up to whose they are, and the fewest days by law."""

    older_than: Callable[[datetime], QuerySet[Any]]
    citizen: str = ""
    days_min: int = 1
    why: str = ""


KINDS: Final[dict[str, Kept]] = {
    Subject.ATTEMPTS: Kept(lambda moment: SignInAttempts.objects.filter(last_at__lt=moment)),
    Subject.SESSIONS: Kept(lambda moment: Session.objects.filter(expire_date__lt=moment)),
    Subject.PAIRING: Kept(lambda moment: PairingCode.objects.filter(workstation=None, expires_at__lt=moment)),
    Subject.NOTICES: Kept(
        lambda moment: Notice.objects.filter(created_at__lt=moment),
        citizen="citizen",
        days_min=183,
        why="Cybersecurity Law, article 21: six months",
    ),
}
"""What a rule removes. Everything else is kept: books and evidence by law for ten years and more, chains for good."""


@dataclass(frozen=True, slots=True)
class Due:
    """What of a kind is over its time: `rows` may go, `held` would go but for a hold. Without a rule nothing is due."""

    subject: str
    rule: PrivacyRule | None
    rows: QuerySet[Any]
    held: QuerySet[Any]


def due(subject: str, *, now: datetime) -> Due:
    """By the rule of today; a row as old as the rule says is kept to the end of that day's same hour."""
    kept, rule = KINDS[subject], rule_on(subject, shanghai(now).date())
    if rule is None:
        nothing: QuerySet[Model] = kept.older_than(now).none()
        return Due(subject, None, nothing, nothing)
    old = kept.older_than(now - timedelta(days=rule.days))
    holds = LegalHold.objects.filter(released_at=None).filter(Q(subject=subject) | Q(subject=""))
    if holds.filter(citizen=None).exists():
        return Due(subject, rule, old.none(), old)
    people = holds.exclude(citizen=None).values("citizen")
    if not kept.citizen:
        return Due(subject, rule, old, old.none())
    of_them = Q(**{f"{kept.citizen}__in": people})
    return Due(subject, rule, old.exclude(of_them), old.filter(of_them))


def places_hidden_before(now: datetime) -> datetime | None:
    """Trips before this moment show their kind and no place; None where no rule says so. The books keep the places."""
    rule = rule_on(Subject.PLACES, shanghai(now).date())
    return now - timedelta(days=rule.days) if rule else None
