"""A person takes a copy of their data, in the portal or at the counter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import PersonErased
from accounts.models import Citizen, DataAccess
from accounts.services.diary import note_access
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.privacy.selectors.copies import copy_of


def copy_for_owner(*, citizen: Citizen, actor: str, now: datetime) -> dict[str, Any]:
    """Everything on record, for its person. Audited. Raises KeyServiceUnavailable."""
    record_audit(actor=actor, action="privacy.copy", subject=f"citizen:{citizen.pk}")
    return copy_of(citizen, now=now)


def copy_at_counter(*, citizen: Citizen, actor: str, reason: str, now: datetime) -> dict[str, Any]:
    """The same, handed out by a member of staff: in the diary and audited before anything is opened.

    Raises InvalidField without a reason, PersonErased, KeyServiceUnavailable.
    """
    if not reason.strip():
        raise InvalidField("reason", _("say why"))
    if citizen.erased_at is not None:
        raise PersonErased
    with transaction.atomic():
        note_access(
            citizen=citizen,
            what=DataAccess.What.EXPORTED,
            fields=[DataAccess.Field.ALL],
            actor=actor,
            ground=reason.strip(),
        )
        detail = {"reason": reason.strip()}
        record_audit(actor=actor, action="privacy.copy", subject=f"citizen:{citizen.pk}", detail=detail)
    return copy_of(citizen, now=now)
