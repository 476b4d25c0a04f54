"""A person is erased: everything that identified them is destroyed, and the books go on with a pseudonym."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from accounts import locks
from accounts.errors import ErasureBlocked
from accounts.models import (
    Citizen,
    Consent,
    FamilyLink,
    Guardianship,
    IdentityDocument,
    IssueApplication,
    IssueRow,
    Notice,
    PersonChange,
    User,
)
from accounts.selectors.erasing import what_blocks_erasure
from accounts.services.family import leave_family
from accounts.services.guardians import end_guardianship
from citizencard.core.audit import record_audit

NOBODY = "*"
"""The mask of somebody of whom nothing is known."""
_INDEX_BYTES = 32


@transaction.atomic
def erase_identity(*, citizen: Citizen, actor: str, occurred_at: datetime) -> Citizen:
    """Destroy names, numbers, birth date, masks and indexes, of records merged into this one too; doing so again changes nothing.

    Family, guardianship and consents end, messages go, the login is closed for good. What the books, the audit trail and evidence say
    of the person's id stays. A document that was theirs may be registered anew, as somebody else. Audited. Raises ErasureBlocked.
    """
    person = locks.lock_citizen(citizen.pk)
    if person.erased_at is not None:
        return person
    if blockers := what_blocks_erasure(person):
        raise ErasureBlocked(blockers)
    records = [person, *Citizen.objects.filter(merged_into=person)]
    for record in records:
        _end_bonds(record, actor, occurred_at)
        _empty(record, occurred_at)
    record_audit(
        actor=actor, action="citizen.erase", subject=f"citizen:{person.pk}", detail={"records": len(records)}
    )
    return records[0]


def _end_bonds(person: Citizen, actor: str, now: datetime) -> None:
    for link in FamilyLink.objects.filter(Q(payer=person) | Q(member=person)).exclude(
        state=FamilyLink.State.ENDED
    ):
        leave_family(link=link, actor=actor, occurred_at=now)
    for bond in Guardianship.objects.filter(Q(guardian=person) | Q(ward=person), ended_at=None):
        end_guardianship(guardianship=bond, because=Guardianship.End.WITHDRAWN, actor=actor, occurred_at=now)
    Consent.objects.filter(citizen=person, withdrawn_at=None).update(withdrawn_at=now)
    Notice.objects.filter(citizen=person).delete()
    for login in User.objects.filter(citizen=person):
        login.is_active, login.username = False, secrets.token_hex(16)
        login.set_unusable_password()
        login.save(update_fields=["is_active", "username", "password"])


def _empty(person: Citizen, now: datetime) -> None:
    """A unique index of nothing is a random one: it is equal to no number's."""
    for document in IdentityDocument.objects.filter(citizen=person):
        document.number_sealed, document.number_index = b"", secrets.token_bytes(_INDEX_BYTES)
        document.mask, document.nationality, document.valid_to = NOBODY, "", None
        document.save(update_fields=["number_sealed", "number_index", "mask", "nationality", "valid_to"])
    for row in IssueRow.objects.filter(Q(citizen_key=person.pk) | Q(card__citizen=person)):
        row.document_index, row.name_index = (secrets.token_bytes(_INDEX_BYTES) for _half in range(2))
        row.document_sealed, row.name_sealed, row.phone_sealed, row.birth_sealed = b"", b"", None, None
        row.document_mask = row.name_mask = NOBODY
        row.phone_index, row.phone_mask = None, ""
        row.save()
    IssueApplication.objects.filter(citizen=person).update(
        document_index=None, document_mask="", name_mask="", photo_sealed=None
    )
    PersonChange.objects.filter(citizen=person).exclude(name_mask="").update(name_mask=NOBODY)
    person.name_sealed, person.birth_sealed, person.phone_sealed = b"", None, None
    person.name_index, person.phone_index = None, None
    person.name_mask = person.document_mask = NOBODY
    person.phone_mask = person.birth_source = ""
    person.erased_at = now
    person.save()
