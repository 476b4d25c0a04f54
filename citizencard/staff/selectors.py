"""What somebody has to sign in with, and where they are signed in."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import User
from citizencard.staff.models import RecoveryCode, SecurityKey, StaffSession


def has_factor(user: User) -> bool:
    """Whether the user has an app or a security key; a list of codes alone is none."""
    app = Q(authenticator_app__confirmed_at__isnull=False)
    key = Q(security_keys__isnull=False, security_keys__stopped_at=None)
    return User.objects.filter(app | key, pk=user.pk).exists()


def has_app(user: User) -> bool:
    """Whether the user has a confirmed authenticator app."""
    return User.objects.filter(pk=user.pk, authenticator_app__confirmed_at__isnull=False).exists()


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
