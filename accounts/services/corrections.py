"""What was written down wrongly of a person is put right, on a proof.

Documents have a way of their own (`papers`), and so has the name, which takes a second person (`changes`): with it a card could be
made somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import PersonErased
from accounts.models import Citizen, IdentityDocument
from accounts.selectors.people import TABLE
from accounts.services.documents import check_birth, check_phone
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.pii import Kind, blind_index, mask_phone, seal


def correct_citizen(*, citizen: Citizen, field: str, value: str, proof: str, actor: str) -> Citizen:
    """Put phone or birth date right; an empty phone is none. Audited with masks and proof, never with the value.

    Cards that were made keep what is written on them. Raises InvalidField (also for a birth date that the document's number tells),
    PersonErased, KeyServiceUnavailable.
    """
    if field not in _NEW:
        raise InvalidField("field", _("unknown"))
    if not proof.strip():
        raise InvalidField("proof", _("say on what it rests"))
    if citizen.erased_at is not None:
        raise PersonErased
    given = _NEW[field](citizen, value)
    with transaction.atomic():
        current = locks.lock_citizen(citizen.pk)
        before = getattr(current, f"{field}_mask", "")
        for name, new in given.items():
            setattr(current, name, new)
        current.save(update_fields=list(given))
        after = getattr(current, f"{field}_mask", "")
        detail = {"field": field, "before": before, "after": after, "proof": proof.strip()}
        record_audit(actor=actor, action="citizen.correct", subject=f"citizen:{current.pk}", detail=detail)
    return current


def _phone(citizen: Citizen, value: str) -> dict[str, Any]:
    phone = check_phone(value)
    return {
        "phone_sealed": seal(TABLE, "phone", citizen.pk, phone) if phone else None,
        "phone_index": blind_index(TABLE, "phone", Kind.PHONE, phone) if phone else None,
        "phone_mask": mask_phone(phone),
    }


def _birth(citizen: Citizen, value: str) -> dict[str, Any]:
    if citizen.birth_source in IdentityDocument.Kind.values:
        raise InvalidField("birth_date", _("the document's number tells it"))
    try:
        born = check_birth(date.fromisoformat(value.strip()))
    except ValueError as error:
        raise InvalidField("birth_date", _("a day in the past")) from error
    return {
        "birth_sealed": seal(TABLE, "birth", citizen.pk, born.isoformat()),
        "birth_source": "counter",
    }


_NEW: Final[dict[str, Callable[[Citizen, str], dict[str, Any]]]] = {
    "phone": _phone,
    "birth": _birth,
}
