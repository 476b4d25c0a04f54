"""What somebody has to sign in with, and where they are signed in."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import User
from citizencard.staff.models import RecoveryCode, SecurityKey, StaffSession

_APP = Q(authenticator_app__confirmed_at__isnull=False)
_KEY = Q(security_keys__isnull=False, security_keys__stopped_at=None)
_LIST = Q(recovery_codes__isnull=False)


def has_factor(user: User) -> bool:
    """Whether the user has set up a second factor. A list of codes counts, used up or not: it is made with the first one, so
    that removing app and key does not bring back the days when the password was enough to set up another.
    """
    return User.objects.filter(_APP | _KEY | _LIST, pk=user.pk).exists()


def has_app_or_key(user: User) -> bool:
    """Whether the user has an app, or a security key that is accepted."""
    return User.objects.filter(_APP | _KEY, pk=user.pk).exists()


def has_app(user: User) -> bool:
    """Whether the user has a confirmed authenticator app."""
    return User.objects.filter(_APP, pk=user.pk).exists()


def keys_of(user: User) -> QuerySet[SecurityKey]:
    """The user's security keys, stopped ones too."""
    return SecurityKey.objects.filter(user=user).order_by("pk")


def has_working_key(user: User) -> bool:
    """Whether the user has a security key that is accepted."""
    return keys_of(user).filter(stopped_at=None).exists()


def recovery_codes_left(user: User) -> int:
    """How many lines of the list are unused."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def running_sessions(user: User) -> QuerySet[StaffSession]:
    """Where the user is signed in, newest first."""
    return StaffSession.objects.filter(user=user, ended_at=None).order_by("-pk")
