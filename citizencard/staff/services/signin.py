"""The second step of signing in, and the same again before an act when the last time is too long ago."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from accounts.models import User
from citizencard.core.audit import record_audit
from citizencard.lockout import count_attempt, forget_attempts
from citizencard.staff.models import AuthenticatorApp, RecoveryCode, SecurityKey, StaffSession
from citizencard.staff.models.sessions import Factor
from citizencard.staff.selectors import has_app_or_key
from citizencard.staff.services import keys, recovery, totp
from citizencard.staff.services.sessions import End, end_sessions, forget_factor, note_factor

CODE_DIGITS: Final = 6


def show_code(*, user: User, session: StaffSession, code: str, counted_as: str, ip: str | None) -> None:
    """A code of the app, or one of the list; `counted_as` is whom the lock counts. Raises SignInLocked, FactorRefused, KeyServiceUnavailable."""
    typed = code.replace(" ", "")
    count_attempt(counted_as, address=ip)
    if len(typed) == CODE_DIGITS and typed.isascii() and typed.isdecimal():
        totp.use_code(user=user, code=typed)
        factor = Factor.APP
    else:
        recovery.use_recovery_code(user=user, code=typed)
        factor = Factor.RECOVERY
    forget_attempts(counted_as, address=ip)
    note_factor(session=session, factor=factor)


def show_key(
    *,
    user: User,
    session: StaffSession,
    state: keys.State,
    answer: Mapping[str, Any],
    counted_as: str,
    ip: str | None,
) -> None:
    """What a security key has signed. Raises SignInLocked, FactorRefused, SecurityKeyCopied, NoSecurityKeys."""
    count_attempt(counted_as, address=ip)
    keys.use_key(user=user, state=state, answer=answer)
    forget_attempts(counted_as, address=ip)
    note_factor(session=session, factor=Factor.KEY)


def enrol_app(*, user: User, session: StaffSession, code: str) -> None:
    """The app that was offered is the user's from now on, and this session has shown it. Raises FactorRefused. Audited."""
    totp.confirm_app(user=user, code=code.replace(" ", ""))
    with transaction.atomic():
        _enrolled(user, session, Factor.APP)
        _audit(user, "staff.app.add")


def enrol_key(
    *,
    user: User,
    session: StaffSession,
    name: str,
    state: keys.State,
    answer: Mapping[str, Any],
) -> None:
    """The key is the user's from now on, and this session has shown it. Raises FactorRefused, NoSecurityKeys. Audited."""
    keys.add_key(user=user, name=name, state=state, answer=answer)
    _enrolled(user, session, Factor.KEY)


@transaction.atomic
def remove_app(*, user: User, session: StaffSession) -> None:
    """The app counts no more; sessions elsewhere end. Audited."""
    if AuthenticatorApp.objects.filter(user=user).delete()[0]:
        _removed(user, session)
        _audit(user, "staff.app.remove")


@transaction.atomic
def remove_key(*, user: User, session: StaffSession, key_id: int) -> None:
    """One of the user's keys counts no more; sessions elsewhere end. Somebody else's, or again: no change. Audited."""
    if SecurityKey.objects.filter(user=user, pk=key_id).delete()[0]:
        _removed(user, session)
        _audit(user, "staff.key.remove", key=key_id)


def _enrolled(user: User, session: StaffSession, factor: Factor) -> None:
    note_factor(session=session, factor=factor)
    end_sessions(user=user, because=End.CHANGED, but=session)


def _removed(user: User, session: StaffSession) -> None:
    """Sessions elsewhere end. Where the password alone is enough (the demo), it is so again with the last one gone."""
    end_sessions(user=user, because=End.CHANGED, but=session)
    if not settings.STAFF_SECOND_FACTOR and not has_app_or_key(user):
        RecoveryCode.objects.filter(user=user).delete()
        forget_factor(session=session)


def _audit(user: User, action: str, **detail: Any) -> None:
    record_audit(actor=user.get_username(), action=action, subject=f"user:{user.pk}", detail=detail)
