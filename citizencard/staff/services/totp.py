"""Codes of an authenticator app: TOTP (RFC 6238) with SHA-1, six digits, 30 seconds, which every app understands."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final, NamedTuple

import pyotp
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from citizencard.core.pii import reveal, seal
from citizencard.staff.errors import FactorRefused
from citizencard.staff.models import AuthenticatorApp

ISSUER: Final = "citizencard"
STEP_SECONDS: Final = 30
_TOLERATED: Final = (0, -1, 1)
"""Clocks differ: the steps before and after this one count too."""
_PLACE: Final = ("staff_authenticatorapp", "sealed_secret")


class Offer(NamedTuple):
    """What an app takes in: the secret as text to type, and the address that stands in the QR code."""

    secret: str
    uri: str


@transaction.atomic
def offer_app(*, user: User) -> Offer:
    """The secret to be put into an app, the same until it is confirmed. Raises KeyServiceUnavailable."""
    kept = AuthenticatorApp.objects.filter(user=user, confirmed_at=None).first()
    if kept is None:
        secret = pyotp.random_base32()
        AuthenticatorApp.objects.create(user=user, sealed_secret=seal(*_PLACE, user.pk, secret))
    else:
        secret = _secret(kept)
    return Offer(secret, pyotp.TOTP(secret).provisioning_uri(name=user.get_username(), issuer_name=ISSUER))


def confirm_app(*, user: User, code: str) -> None:
    """The app shows the right code: from now on it counts. Raises FactorRefused, KeyServiceUnavailable."""
    _use(user, code, confirmed=False)


def use_code(*, user: User, code: str) -> None:
    """Accept a code once. Raises FactorRefused, KeyServiceUnavailable."""
    _use(user, code, confirmed=True)


def _use(user: User, code: str, *, confirmed: bool) -> None:
    now = timezone.now()
    apps = AuthenticatorApp.objects.filter(user=user, confirmed_at__isnull=not confirmed)
    kept = apps.first()
    step = _step(_secret(kept), code, int(now.timestamp())) if kept else None
    used = {"last_step": step} if confirmed else {"last_step": step, "confirmed_at": now}
    # In one statement: of two who send the same code at once, one is let in.
    if step is None or not apps.filter(last_step__lt=step).update(**used):
        raise FactorRefused


def _step(secret: str, code: str, seconds: int) -> int | None:
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    steps = [seconds // STEP_SECONDS + offset for offset in _TOLERATED]
    return next((step for step in steps if compare_digest(totp.generate_otp(step), code)), None)


def _secret(kept: AuthenticatorApp) -> str:
    return reveal(*_PLACE, kept.user_id, bytes(kept.sealed_secret))
