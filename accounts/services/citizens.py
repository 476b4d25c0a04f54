"""Citizens: registered once, sealed at rest, revealed with a reason that the audit trail keeps."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import DocumentAlreadyRegistered, GuardianRequired, LoginExists, PersonErased
from accounts.models import Citizen, Consent, DataAccess, Guardianship, User
from accounts.selectors.ages import age_of
from accounts.selectors.people import TABLE, main_document
from accounts.services.diary import reveal_to_staff
from accounts.services.documents import check_birth, check_name, check_phone
from accounts.services.papers import number_place, read_paper, sealed_document
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.pii import (
    Kind,
    SealedField,
    blind_index,
    mask_document,
    mask_name,
    mask_phone,
    seal_many,
)

OWN_CONSENT: Final = 14
"""From this age on one agrees for oneself (Personal Information Protection Law, article 31)."""
COUNTER: Final = "counter"
"""The source of what somebody in the service hall has seen."""


@dataclass(frozen=True, slots=True)
class RevealedCitizen:
    """Personal data in clear: for the screen of whoever had a reason, never for a log; its repr shows nothing.

    `document_number` is the main document's; `birth_date` is None where nothing on record tells it.
    """

    name: str = field(repr=False)
    document_number: str = field(repr=False)
    phone: str = field(repr=False)
    birth_date: date | None = field(repr=False)


def register_citizen(
    *,
    name: str,
    document_kind: str,
    document_number: str,
    phone: str,
    actor: str,
    nationality: str = "",
    valid_to: date | None = None,
    birth_date: date | None = None,
    source: str = COUNTER,
) -> Citizen:
    """Register a person by a first document; `phone` may be empty. The birth date is the document's where it holds one.

    Raises InvalidField, DocumentAlreadyRegistered, KeyServiceUnavailable. Everything is sealed before the transaction begins, so
    no row lock waits for the key service.
    """
    paper = read_paper(document_kind, document_number, nationality, valid_to, source)
    name, phone = check_name(name), check_phone(phone)
    born = paper.birth or (check_birth(birth_date) if birth_date else None)
    citizen = Citizen(
        id=uuid.uuid4(),
        document_mask=mask_document(paper.number),
        name_mask=mask_name(name),
        name_index=blind_index(TABLE, "name", Kind.NAME, name),
        phone_mask=mask_phone(phone),
        phone_index=blind_index(TABLE, "phone", Kind.PHONE, phone) if phone else None,
        birth_source=(paper.kind if paper.birth else source) if born else "",
    )
    values = {"name": name, "phone": phone, "birth": born.isoformat() if born else ""}
    _seal(citizen, values)
    document = sealed_document(paper, citizen, main=True)
    try:
        with transaction.atomic():
            citizen.save(force_insert=True)
            document.save(force_insert=True)
            record_audit(
                actor=actor,
                action="citizen.register",
                subject=f"citizen:{citizen.pk}",
                detail={"document": paper.kind, "source": source},
            )
    except IntegrityError as error:
        raise DocumentAlreadyRegistered from error
    return citizen


def give_consent(*, citizen: Citizen, purpose: str, actor: str, guardian: Citizen | None = None) -> Consent:
    """Record that the citizen agrees to `purpose`, or for a child under 14 a guardian; a consent still valid is returned as it is.

    Raises InvalidField, GuardianRequired. One's own consent takes the place of the guardian's.
    """
    if purpose not in Consent.Purpose.values:
        raise InvalidField("purpose", _("unknown purpose"))
    check_agreement(citizen, guardian)
    with transaction.atomic():
        locks.lock_citizen(citizen.pk)
        valid = Consent.objects.filter(citizen=citizen, purpose=purpose, withdrawn_at=None).first()
        if valid is not None and (valid.guardian is None or guardian is not None):
            return valid
        if valid is not None:
            valid.withdrawn_at = timezone.now()
            valid.save(update_fields=["withdrawn_at"])
        record_audit(
            actor=actor,
            action="citizen.consent",
            subject=f"citizen:{citizen.pk}",
            detail={"purpose": purpose, "guardian": str(guardian.pk) if guardian else None},
        )
        return Consent.objects.create(citizen=citizen, purpose=purpose, guardian=guardian)


def check_agreement(citizen: Citizen, guardian: Citizen | None) -> None:
    """Who has to agree: from 14 on oneself, before that a guardian on record. Raises GuardianRequired, InvalidField."""
    age = age_of(citizen, timezone.localdate())
    if age is not None and age < OWN_CONSENT:
        known = (
            guardian and Guardianship.objects.filter(guardian=guardian, ward=citizen, ended_at=None).exists()
        )
        if not known:
            raise GuardianRequired(age=age)
    elif guardian is not None:
        raise InvalidField("guardian", _("from 14 on one agrees for oneself"))


@transaction.atomic
def withdraw_consent(*, consent: Consent, actor: str, reason: str) -> None:
    """The purpose is not served any more, or never came to be; again is no change. Audited."""
    locks.lock_citizen(consent.citizen_id)
    if Consent.objects.filter(pk=consent.pk, withdrawn_at=None).update(withdrawn_at=timezone.now()):
        record_audit(
            actor=actor,
            action="citizen.withdraw_consent",
            subject=f"citizen:{consent.citizen_id}",
            detail={"purpose": consent.purpose, "reason": reason},
        )


def reveal_citizen(
    *, citizen: Citizen, actor: str, reason: str, what: str = DataAccess.What.REVEALED
) -> RevealedCitizen:
    """Personal data in clear for a member of staff; diary and audit trail have it before anything is opened.

    Raises InvalidField without a reason, PersonErased, KeyServiceUnavailable.
    """
    if citizen.erased_at is not None:
        raise PersonErased
    fields = {
        "name": _place(citizen, "name"),
        "document": number_place(main_document(citizen)),
        **{place.column: place for place in _kept(citizen)},
    }
    clear = reveal_to_staff(
        citizen=citizen, subject=f"citizen:{citizen.pk}", fields=fields, actor=actor, reason=reason, what=what
    )
    return RevealedCitizen(
        clear["name"], clear["document"], clear.get("phone", ""), _date(clear.get("birth"))
    )


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


def _seal(citizen: Citizen, values: dict[str, str]) -> None:
    kept = {column: value for column, value in values.items() if value}
    sealed = seal_many((TABLE, column, citizen.pk, value) for column, value in kept.items())
    for column, envelope in zip(kept, sealed, strict=True):
        setattr(citizen, f"{column}_sealed", envelope)


def _place(citizen: Citizen, column: str) -> SealedField:
    return SealedField(TABLE, column, citizen.pk, bytes(getattr(citizen, f"{column}_sealed")))


def _kept(citizen: Citizen) -> list[SealedField]:
    """What not everybody has told."""
    columns = ("phone", "birth")
    return [_place(citizen, column) for column in columns if getattr(citizen, f"{column}_sealed")]


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
