"""Citizens: registered once, sealed at rest, revealed with a reason that the audit trail keeps."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import DocumentAlreadyRegistered, LoginExists
from accounts.models import Citizen, Consent, User
from accounts.services.documents import check_document, check_name, check_phone
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.pii import (
    Kind,
    SealedField,
    blind_index,
    mask_document,
    mask_name,
    mask_phone,
    reveal_many,
    seal_many,
)

_TABLE: Final = "accounts_citizen"


@dataclass(frozen=True, slots=True)
class RevealedCitizen:
    """Personal data in clear: for the screen of whoever had a reason, never for a log; its repr shows nothing."""

    name: str = field(repr=False)
    document_number: str = field(repr=False)
    phone: str = field(repr=False)


def register_citizen(
    *, name: str, document_kind: str, document_number: str, phone: str, actor: str
) -> Citizen:
    """Register a person; `phone` may be empty. Raises InvalidField, DocumentAlreadyRegistered, KeyServiceUnavailable.

    Everything is sealed before the transaction begins, so no row lock waits for the key service.
    """
    number = check_document(document_kind, document_number)
    name, phone = check_name(name), check_phone(phone)
    citizen = Citizen(
        id=uuid.uuid4(),
        document_kind=document_kind,
        document_mask=mask_document(number),
        document_index=blind_index(_TABLE, "document", Kind.DOCUMENT, number),
        name_mask=mask_name(name),
        phone_mask=mask_phone(phone),
        phone_index=blind_index(_TABLE, "phone", Kind.PHONE, phone) if phone else None,
    )
    _seal(citizen, number, name, phone)
    try:
        with transaction.atomic():
            citizen.save(force_insert=True)
            record_audit(actor=actor, action="citizen.register", subject=f"citizen:{citizen.pk}")
    except IntegrityError as error:
        raise DocumentAlreadyRegistered from error
    return citizen


@transaction.atomic
def give_consent(*, citizen: Citizen, purpose: str, actor: str) -> Consent:
    """Record that the citizen agrees to `purpose`; a consent still valid is returned as it is."""
    if purpose not in Consent.Purpose.values:
        raise InvalidField("purpose", _("unknown purpose"))
    locks.lock_citizen(citizen.pk)
    consent, created = Consent.objects.get_or_create(citizen=citizen, purpose=purpose, withdrawn_at=None)
    if created:
        record_audit(
            actor=actor,
            action="citizen.consent",
            subject=f"citizen:{citizen.pk}",
            detail={"purpose": purpose},
        )
    return consent


def reveal_citizen(*, citizen: Citizen, actor: str, reason: str) -> RevealedCitizen:
    """Personal data in clear for a member of staff. The audit entry is written before anything is opened.

    Raises InvalidField without a reason, KeyServiceUnavailable.
    """
    if not reason.strip():
        raise InvalidField("reason", _("revealing personal data needs a reason"))
    record_audit(
        actor=actor,
        action="citizen.reveal",
        subject=f"citizen:{citizen.pk}",
        detail={"reason": reason.strip()},
    )
    sealed = {"name": citizen.name_sealed, "document": citizen.document_sealed, "phone": citizen.phone_sealed}
    places = [
        SealedField(_TABLE, column, citizen.pk, bytes(value)) for column, value in sealed.items() if value
    ]
    name, number, *phone = reveal_many(places)
    return RevealedCitizen(name=name, document_number=number, phone=phone[0] if phone else "")


def find_citizen(*, document_number: str) -> Citizen | None:
    """Who holds the document, by blind index; None for an unknown number or one that is none."""
    index = blind_index(_TABLE, "document", Kind.DOCUMENT, document_number)
    return Citizen.objects.filter(document_index=index).first()


@transaction.atomic
def create_login(*, citizen: Citizen, password: str) -> User:
    """The citizen's own login. Its user name is random: nobody learns from it who it is.

    Raises InvalidField when the password breaks the policy, LoginExists.
    """
    locks.lock_citizen(citizen.pk)
    if User.objects.filter(citizen=citizen).exists():
        raise LoginExists
    try:
        validate_password(password)
    except ValidationError as error:
        raise InvalidField("password", " ".join(error.messages)) from error
    return User.objects.create_user(username=secrets.token_hex(16), password=password, citizen=citizen)


def _seal(citizen: Citizen, number: str, name: str, phone: str) -> None:
    values = [("document", number), ("name", name), *([("phone", phone)] if phone else [])]
    sealed = seal_many((_TABLE, column, citizen.pk, value) for column, value in values)
    for (column, _value), envelope in zip(values, sealed, strict=True):
        setattr(citizen, f"{column}_sealed", envelope)
