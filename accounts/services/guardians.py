"""Guardians and their wards: put on record on a proof, ended by themselves when the ward is of age.

A guardian tops up and sees the balance of a ward's cards as family does, and agrees for a ward under 14. At 14 the ward agrees
anew (Personal Information Protection Law, article 31), at 18 nobody acts for them any more (Civil Code, article 17).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import NotAGuardian, WardOfAge
from accounts.models import Citizen, Consent, FamilyLink, Guardianship, Notice
from accounts.selectors.ages import age_of, ages_of
from accounts.services.citizens import OWN_CONSENT
from accounts.services.family import invite_member, join_family, leave_family, show_balance
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField

OF_AGE: Final = 18
_CHUNK: Final = 1000


def appoint_guardian(
    *, guardian: Citizen, ward: Citizen, proof: str, actor: str, occurred_at: datetime
) -> Guardianship:
    """Put a guardian on record and let them top up and see the ward's balance; the same again is no change. Audited.

    `proof` refers to what was seen and holds no personal data. Raises InvalidField, WardOfAge (or of no known age),
    KeyServiceUnavailable. Ages are looked up before the transaction begins.
    """
    if not proof.strip():
        raise InvalidField("proof", _("say on what it rests"))
    day = shanghai(occurred_at).date()
    age, elder = age_of(ward, day), age_of(guardian, day)
    if guardian.pk == ward.pk or (elder is not None and elder < OF_AGE):
        raise InvalidField("guardian", _("a person of age, and not the ward"))
    if age is None or age >= OF_AGE:
        raise WardOfAge
    with transaction.atomic():
        locks.lock_citizen(ward.pk)
        kept, made = Guardianship.objects.get_or_create(
            guardian=guardian,
            ward=ward,
            ended_at=None,
            defaults={"proof": proof.strip(), "appointed_by": actor},
        )
        if made:
            _become_family(guardian, ward, actor, occurred_at)
            _audit(kept, "guardian.appoint", actor, proof=kept.proof)
    return kept


@transaction.atomic
def end_guardianship(
    *, guardianship: Guardianship, because: str, actor: str, occurred_at: datetime
) -> Guardianship:
    """The guardian acts and sees no more; their consents hold on until the ward is 14 or withdraws. Again is no change. Audited."""
    locks.lock_citizen(guardianship.ward_id)
    guardianship.refresh_from_db()
    if guardianship.ended_at is not None:
        return guardianship
    guardianship.ended_at, guardianship.ended_because = occurred_at, Guardianship.End(because)
    guardianship.save(update_fields=["ended_at", "ended_because"])
    links = FamilyLink.objects.filter(payer=guardianship.guardian_id, member=guardianship.ward_id)
    for link in links.exclude(state=FamilyLink.State.ENDED):
        leave_family(link=link, actor=actor, occurred_at=occurred_at)
    _audit(guardianship, "guardian.end", actor, because=because)
    return guardianship


def require_guardian(*, guardian: Citizen, ward: Citizen, day: date) -> Guardianship:
    """The guardianship by which one acts for the other on a day. Raises NotAGuardian, also from the ward's 18th birthday on."""
    found = Guardianship.objects.filter(guardian=guardian, ward=ward, ended_at=None).first()
    if found is None:
        raise NotAGuardian
    age = age_of(ward, day)
    if age is None or age >= OF_AGE:
        raise NotAGuardian
    return found


def review_wards(*, day: date, occurred_at: datetime) -> int:
    """End what a birthday has ended, and tell those who are 14 that they agree for themselves now; how many were touched.

    Every morning; whoever was told is not told again. Ages are opened in chunks, in constant memory.
    """
    touched, last = 0, 0
    while chunk := list(_wards_after(last)[:_CHUNK]):
        ages = ages_of([each.ward for each in chunk], day)
        for guardianship in chunk:
            age = ages[guardianship.ward_id]
            if age is not None and age >= OWN_CONSENT:
                touched += _grown(guardianship, age, occurred_at)
        last = chunk[-1].pk
    return touched


def _wards_after(last: int) -> models.QuerySet[Guardianship]:
    return Guardianship.objects.filter(ended_at=None, pk__gt=last).select_related("ward").order_by("pk")


@transaction.atomic
def _grown(guardianship: Guardianship, age: int, occurred_at: datetime) -> int:
    ward = guardianship.ward_id
    if age >= OF_AGE:
        end_guardianship(
            guardianship=guardianship, because=Guardianship.End.OF_AGE, actor="age", occurred_at=occurred_at
        )
        _tell_once(ward, Notice.Code.GUARDIAN_GONE)
        return 1
    for_them = Consent.objects.filter(citizen=ward, withdrawn_at=None).exclude(guardian=None)
    return _tell_once(ward, Notice.Code.CONSENT_DUE) if for_them.exists() else 0


def _tell_once(citizen_id: UUID, code: Notice.Code) -> int:
    if Notice.objects.filter(citizen_id=citizen_id, code=code).exists():
        return 0
    notify(citizen_id, code)
    return 1


def _become_family(guardian: Citizen, ward: Citizen, actor: str, occurred_at: datetime) -> None:
    link = (
        FamilyLink.objects.filter(payer=guardian, member=ward).exclude(state=FamilyLink.State.ENDED).first()
    )
    if link is None:
        link = invite_member(payer=guardian, member=ward, actor=actor, occurred_at=occurred_at)
    if link.state == FamilyLink.State.INVITED:
        join_family(link=link, sees_balance=True, actor=actor, occurred_at=occurred_at)
    else:
        show_balance(link=link, sees_balance=True, actor=actor)


def _audit(guardianship: Guardianship, action: str, actor: str, **detail: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"citizen:{guardianship.ward_id}",
        detail={"guardian": str(guardianship.guardian_id), **detail},
    )
