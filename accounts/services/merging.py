"""Two records of one person become one: proposed by one member of staff, approved by another. Nothing is deleted.

The master takes over documents, cards, consents, mandates, concessions, family, guardianships, messages and the login. What has
happened stays where it was told: orders, objections and the audit trail name the record of their time, which leads to the master.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import AlreadyMerged, MergeConflict
from accounts.models import (
    Card,
    Citizen,
    Consent,
    FamilyLink,
    Guardianship,
    IdentityDocument,
    Mandate,
    Notice,
    PersonMerge,
    User,
)
from accounts.services.concessions import hand_over_concessions
from accounts.services.family import leave_family
from citizencard.core import two_people
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.masks import mask_card
from citizencard.core.states import lock_row

_MOVED: Final[tuple[type[models.Model], ...]] = (IdentityDocument, Card, Mandate, Notice)
"""Whose `citizen` is the master from now on, as they are."""


def propose_merge(*, master: Citizen, other: Citizen, reason: str, maker: str) -> PersonMerge:
    """Say that `other` is the same person as `master`. Raises InvalidField, AlreadyMerged, MergeConflict. Audited."""
    if not reason.strip():
        raise InvalidField("reason", _("say why"))
    if master.pk == other.pk:
        raise InvalidField("other", _("two different records"))
    try:
        with transaction.atomic():
            master, other = _both(master, other)
            _refuse_conflicts(master, other)
            merge = PersonMerge.objects.create(master=master, other=other, reason=reason.strip(), maker=maker)
            _audit(merge, "citizen.merge.propose", maker)
    except IntegrityError as error:
        raise AlreadyMerged from error
    return merge


@transaction.atomic
def approve_merge(*, merge: PersonMerge, checker: str, occurred_at: datetime | None = None) -> PersonMerge:
    """A second person agrees: the two are one. Again is no change. Audited.

    Raises MakerIsChecker, AlreadyDecided (refused before), AlreadyMerged, MergeConflict.
    """
    merge = lock_row(merge)
    if merge.state == PersonMerge.State.APPROVED:
        return merge
    master, other = _both(merge.master, merge.other)
    two_people.approve(merge, checker=checker)
    _refuse_conflicts(master, other)
    now = occurred_at or timezone.now()
    IdentityDocument.objects.filter(citizen=other).update(main=False)
    for model in _MOVED:
        model._default_manager.filter(citizen=other).update(citizen=master)
    _take_consents(master, other, now)
    hand_over_concessions(of=other, to=master, actor=checker, reason="merged")
    _take_family(master, other, checker, now)
    _take_guardianships(master, other, now)
    _take_login(master, other)
    other.merged_into, other.phone_index, other.name_index = master, None, None
    other.save(update_fields=["merged_into", "phone_index", "name_index"])
    Citizen.objects.filter(merged_into=other).update(merged_into=master)
    _audit(merge, "citizen.merge", checker)
    return merge


@transaction.atomic
def refuse_merge(*, merge: PersonMerge, checker: str, reason: str) -> PersonMerge:
    """A second person does not agree. Raises MakerIsChecker, AlreadyDecided. Audited."""
    merge = two_people.refuse(lock_row(merge), checker=checker, answer=reason)
    _audit(merge, "citizen.merge.refuse", checker)
    return merge


def _both(master: Citizen, other: Citizen) -> tuple[Citizen, Citizen]:
    """Under lock, in one order, and neither of them merged."""
    held = {pk: locks.lock_citizen(pk) for pk in sorted((master.pk, other.pk))}
    if any(each.merged_into_id for each in held.values()):
        raise AlreadyMerged
    return held[master.pk], held[other.pk]


def _refuse_conflicts(master: Citizen, other: Citizen) -> None:
    held = Card.objects.filter(citizen=master, state__in=Card.LIVE).values_list("product_id", flat=True)
    twin = (
        Card.objects.filter(citizen=other, state__in=Card.LIVE, product_id__in=held)
        .select_related("product")
        .first()
    )
    if twin is not None:
        raise MergeConflict(what=f"{twin.product.name} ({mask_card(twin.pan)})")


def _take_consents(master: Citizen, other: Citizen, now: datetime) -> None:
    """A purpose that both have agreed to keeps the master's."""
    agreed = Consent.objects.filter(citizen=master, withdrawn_at=None).values_list("purpose", flat=True)
    theirs = Consent.objects.filter(citizen=other)
    theirs.filter(withdrawn_at=None, purpose__in=list(agreed)).update(withdrawn_at=now)
    theirs.update(citizen=master)
    Consent.objects.filter(guardian=other).update(guardian=master)


def _take_family(master: Citizen, other: Citizen, actor: str, now: datetime) -> None:
    """A link that the master has as well, or that would be of the master with themselves, ends."""
    for side, across in (("payer", "member"), ("member", "payer")):
        for link in FamilyLink.objects.filter(**{side: other}).exclude(state=FamilyLink.State.ENDED):
            beyond = getattr(link, f"{across}_id")
            twin = FamilyLink.objects.filter(**{side: master, across: beyond}).exclude(
                state=FamilyLink.State.ENDED
            )
            if beyond == master.pk or twin.exists():
                leave_family(link=link, actor=actor, occurred_at=now)
        FamilyLink.objects.filter(**{side: other}).exclude(**{across: master}).update(**{side: master})


def _take_guardianships(master: Citizen, other: Citizen, now: datetime) -> None:
    """One that the master has as well, or that would be of the master over themselves, ends."""
    for side, across in (("guardian", "ward"), ("ward", "guardian")):
        mine = Guardianship.objects.filter(**{side: master}, ended_at=None).values_list(
            f"{across}_id", flat=True
        )
        theirs = Guardianship.objects.filter(**{side: other})
        theirs.filter(**{f"{across}_id__in": [*mine, master.pk]}, ended_at=None).update(
            ended_at=now, ended_because=Guardianship.End.WITHDRAWN
        )
        theirs.exclude(**{across: master}).update(**{side: master})


def _take_login(master: Citizen, other: Citizen) -> None:
    """The master's own login stays; the other's only serves who has none, and is closed otherwise."""
    theirs = User.objects.filter(citizen=other)
    if User.objects.filter(citizen=master).exists():
        theirs.update(is_active=False)
    else:
        theirs.update(citizen=master)


def _audit(merge: PersonMerge, action: str, actor: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"citizen:{merge.master_id}",
        detail={"other": str(merge.other_id), "reason": merge.answer or merge.reason},
    )
