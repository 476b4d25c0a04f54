"""Whoever sees a person's data is written down first: in the access diary, and for data in clear in the audit trail too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Citizen, DataAccess, User
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.pii import SealedField, reveal_many

Field, What = DataAccess.Field, DataAccess.What
GROUND_MAX = 300


def note_access(
    *, citizen: Citizen, what: str, fields: Sequence[str], actor: str, ground: str = ""
) -> DataAccess:
    """Write down that `actor` sees these data, in the caller's transaction. Raises InvalidField for a ground that is too long."""
    if len(ground) > GROUND_MAX:
        raise InvalidField("reason", _("at most %s characters") % GROUND_MAX)
    return DataAccess.objects.create(
        citizen=citizen, what=what, fields=list(fields), actor=actor, role=_role_of(actor), ground=ground
    )


def reveal_to_staff(
    *,
    citizen: Citizen | None,
    subject: str,
    fields: Mapping[str, SealedField],
    actor: str,
    reason: str,
    what: str = What.REVEALED,
) -> dict[str, str]:
    """Values in clear for a member of staff, after diary and audit trail have them: the only way to any.

    `fields` are the sealed places, and the answer the values, by what they are (`DataAccess.Field`); without a citizen, as of an anonymous card, there is no
    diary. The audit entry names `subject`, columns and reason, never the value. Raises InvalidField without a reason,
    KeyServiceUnavailable.
    """
    if not reason.strip():
        raise InvalidField("reason", _("Revealing personal data needs a reason."))
    with transaction.atomic():
        if citizen is not None:
            note_access(citizen=citizen, what=what, fields=list(fields), actor=actor, ground=reason.strip())
        record_audit(
            actor=actor,
            action="pii.reveal",
            subject=subject,
            detail={"columns": [place.column for place in fields.values()], "reason": reason.strip()},
        )
    return dict(zip(fields, reveal_many(list(fields.values())), strict=True))


def _role_of(actor: str) -> str:
    """The role a user has now; empty for what is no user."""
    found = (
        User.objects.filter(username=actor).values_list("groups__name", flat=True).order_by("groups__name")
    )
    return found.first() or ""
