"""Somebody asks to be erased: refused at once while something is under way, else checked by one person and carried out by another."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.errors import ErasureBlocked, PersonErased
from accounts.models import Citizen
from accounts.selectors.erasing import what_blocks_erasure
from accounts.services.erasing import erase_identity
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.states import lock_row, step_to
from citizencard.privacy.errors import IllegalErasureStep
from citizencard.privacy.models import ErasureRequest, PrivacyRule
from citizencard.privacy.selectors.rules import due_on

State = ErasureRequest.State


def request_erasure(*, citizen: Citizen, actor: str, now: datetime) -> ErasureRequest:
    """Take it in; one that is under way is answered as it is. Audited. Raises ErasureBlocked, which says what to do first, PersonErased."""
    if citizen.erased_at is not None:
        raise PersonErased
    _refuse_blocked(citizen)
    by = due_on(PrivacyRule.Subject.ERASURE, shanghai(now).date())
    try:
        with transaction.atomic():
            request = ErasureRequest.objects.create(citizen=citizen, made_by=actor, made_at=now, due_on=by)
            _audit(request, "erasure.request", actor)
    except IntegrityError:
        return ErasureRequest.objects.get(citizen=citizen, state__in=ErasureRequest.UNDER_WAY)
    return request


@transaction.atomic
def check_erasure(*, request: ErasureRequest, actor: str, proof: str, now: datetime) -> ErasureRequest:
    """It is the person, by this `proof`. Audited. Raises InvalidField without one, IllegalErasureStep."""
    if not proof.strip():
        raise InvalidField("reason", _("say on what it rests"))
    current = lock_row(request)
    with step_to(State.CHECKED, IllegalErasureStep):
        current.check_person(actor, now)
    current.save()
    _audit(current, "erasure.check", actor, proof=proof.strip())
    return current


@transaction.atomic
def approve_erasure(*, request: ErasureRequest, actor: str, now: datetime) -> ErasureRequest:
    """Erase the person, if nothing stands against it now. Audited.

    Raises MakerIsChecker (who took it in or checked it), IllegalErasureStep, ErasureBlocked.
    """
    current = lock_row(request)
    if actor in (current.made_by, current.checked_by):
        raise MakerIsChecker
    with step_to(State.DONE, IllegalErasureStep):
        current.carry_out(actor, now)
    current.save()
    _refuse_blocked(current.citizen)
    erase_identity(citizen=current.citizen, actor=actor, occurred_at=now)
    _audit(current, "erasure.approve", actor)
    return current


@transaction.atomic
def refuse_erasure(*, request: ErasureRequest, actor: str, answer: str, now: datetime) -> ErasureRequest:
    """Say why not; the person reads it. Audited. Raises InvalidField without a reason, IllegalErasureStep."""
    if not answer.strip():
        raise InvalidField("reason", _("say why"))
    current = lock_row(request)
    with step_to(State.REFUSED, IllegalErasureStep):
        current.refuse(actor, now, answer.strip())
    current.save()
    _audit(current, "erasure.refuse", actor, reason=answer.strip())
    return current


def _refuse_blocked(citizen: Citizen) -> None:
    blockers = what_blocks_erasure(citizen)
    if citizen.legal_holds.filter(released_at=None).exists():
        blockers.append(gettext("These data are needed for a legal inquiry. You are told when it is over."))
    if blockers:
        raise ErasureBlocked(blockers)


def _audit(request: ErasureRequest, action: str, actor: str, **detail: str) -> None:
    record_audit(actor=actor, action=action, subject=f"citizen:{request.citizen_id}", detail=detail)
