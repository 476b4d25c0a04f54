"""Passwords of staff: changed by their owner, or replaced by a code that is handed over."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.onetime import new_code
from citizencard.lockout import count_attempt, forget_attempts
from citizencard.staff.models import StaffSession, StartingCode
from citizencard.staff.services.sessions import End, end_sessions

CODE_LIFE: Final = timedelta(hours=24)
"""From the hand of an administrator to the first sign-in."""


def change_password(
    *, user: User, old: str, new: str, session: StaffSession, counted_as: str, ip: str | None
) -> None:
    """The user's own change: sessions elsewhere end; `counted_as` is whom the lock counts. Audited. Raises SignInLocked, InvalidField (`old`, `new`).

    The caller tells Django's session of the new password (`update_session_auth_hash`).
    """
    count_attempt(counted_as, address=ip)
    if not user.check_password(old):
        raise InvalidField("old", _("The present password is not right."))
    forget_attempts(counted_as, address=ip)
    if user.check_password(new):
        raise InvalidField("new", _("The new password has to be another one."))
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise InvalidField("new", " ".join(error.messages)) from error
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        StartingCode.objects.filter(user=user).delete()
        session.needs_password = False
        session.save(update_fields=["needs_password"])
        end_sessions(user=user, because=End.CHANGED, but=session)
        record_audit(
            actor=user.get_username(),
            action="staff.password.change",
            subject=f"user:{user.pk}",
        )


def give_starting_code(*, user: User) -> str:
    """A code in place of the password, told once; the caller's transaction and audit entry are around it."""
    code = new_code()
    user.set_password(code)
    user.save(update_fields=["password"])
    StartingCode.objects.update_or_create(user=user, defaults={"expires_at": timezone.now() + CODE_LIFE})
    return code
