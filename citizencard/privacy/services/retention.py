"""Removing what has been kept long enough, by rule; and holds, which stop it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Citizen
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.states import lock_row
from citizencard.privacy.models import LegalHold, PrivacyRule
from citizencard.privacy.selectors.retention import KINDS, due

CHUNK: Final = 5_000
"""So many rows go in one transaction: nobody waits for the removal of millions."""
SYSTEM: Final = "retention"


def apply_retention(*, now: datetime) -> dict[str, int]:
    """Remove what is over its time and not held; how many rows of each kind. May run twice, and be cut off anywhere. Audited."""
    return {subject: removed for subject in KINDS if (removed := _remove(subject, now))}


def _remove(subject: str, now: datetime) -> int:
    removed = 0
    while gone := _remove_some(subject, now):
        removed += gone
    return removed


@transaction.atomic
def _remove_some(subject: str, now: datetime) -> int:
    found = due(subject, now=now)
    keys = list(found.rows.values_list("pk", flat=True)[:CHUNK])
    if not keys or found.rule is None:
        return 0
    removed: int = found.rows.model._default_manager.filter(pk__in=keys).delete()[0]
    record_audit(
        actor=SYSTEM,
        action="retention.remove",
        subject=f"retention:{subject}",
        detail={"rows": removed, "rule": found.rule.pk, "days": found.rule.days},
    )
    return removed


@transaction.atomic
def place_hold(
    *, subject: str, reason: str, actor: str, now: datetime, citizen: Citizen | None = None
) -> LegalHold:
    """Nothing of it is removed from now on; an empty `subject` means everything. Audited. Raises InvalidField."""
    if subject and subject not in PrivacyRule.Subject.values:
        raise InvalidField("subject", _("unknown"))
    if not reason.strip():
        raise InvalidField("reason", _("say why"))
    hold = LegalHold.objects.create(
        subject=subject, citizen=citizen, reason=reason.strip(), placed_by=actor, placed_at=now
    )
    _audit(hold, "legal_hold.place", actor)
    return hold


@transaction.atomic
def release_hold(*, hold: LegalHold, actor: str, now: datetime) -> LegalHold:
    """Somebody else than who placed it lets go; again is no change. Audited. Raises MakerIsChecker."""
    current = lock_row(hold)
    if current.released_at is not None:
        return current
    if actor == current.placed_by:
        raise MakerIsChecker
    current.released_by, current.released_at = actor, now
    current.save(update_fields=["released_by", "released_at"])
    _audit(current, "legal_hold.release", actor)
    return current


def _audit(hold: LegalHold, action: str, actor: str) -> None:
    detail = {"subject": hold.subject, "citizen": hold.citizen_id, "reason": hold.reason}
    record_audit(actor=actor, action=action, subject=f"legal_hold:{hold.pk}", detail=detail)
