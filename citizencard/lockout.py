"""Five wrong passwords or codes lock a subject for a quarter of an hour: citizens in the portal and staff in the office alike.

An attempt is counted before the password is looked at, in one statement, so that parallel guesses cannot slip through.
Unknown subjects are counted like known ones: the answer does not tell whether somebody is registered.

Addresses are counted as well, so that one machine cannot try a common password on everybody. A hall full of clerks stands
behind one address: it may miss more often, a right password is not counted there, and an address that is locked locks nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError
from citizencard.models import SignInAttempts

ATTEMPTS_MAX: Final = 5
ADDRESS_ATTEMPTS_MAX: Final = 60
LOCKED_FOR: Final = timedelta(minutes=15)

# A locked subject's clock stands still, or somebody who keeps guessing would keep its owner out for ever.
_COUNT = """
INSERT INTO citizencard_signinattempts AS seen (subject, attempts, last_at) VALUES (%(subject)s, 1, %(now)s)
ON CONFLICT (subject) DO UPDATE SET
    attempts = CASE WHEN seen.last_at <= %(forgiven)s THEN 1 ELSE least(seen.attempts + 1, %(over)s) END,
    last_at = CASE WHEN seen.last_at <= %(forgiven)s OR seen.attempts < %(max)s THEN %(now)s ELSE seen.last_at END
RETURNING attempts
"""


class SignInLocked(CitizenCardError):
    """Too many wrong passwords: data `minutes` the lock lasts."""

    code = "sign_in_locked"
    status = 429
    message = _("Too many wrong attempts. Please try again in %(minutes)s minutes.")


def count_attempt(subject: str, *, address: str | None = None) -> None:
    """Count one attempt to sign in as `subject` (any text) from an IP `address`.

    Raises SignInLocked from the sixth within the lock time, or the 61st of the address.
    """
    if address:
        _count(f"address:{address}", ADDRESS_ATTEMPTS_MAX)
    _count(subject, ATTEMPTS_MAX)


def forget_attempts(subject: str, *, address: str | None = None) -> None:
    """The right password was given: start counting the subject anew, and take this attempt from the address."""
    SignInAttempts.objects.filter(subject=_hashed(subject)).delete()
    if address:
        seen = SignInAttempts.objects.filter(subject=_hashed(f"address:{address}"))
        seen.filter(attempts__range=(1, ADDRESS_ATTEMPTS_MAX)).update(attempts=models.F("attempts") - 1)


def _count(subject: str, attempts_max: int) -> None:
    now = timezone.now()
    values: dict[str, str | int | datetime] = {
        "subject": _hashed(subject),
        "now": now,
        "forgiven": now - LOCKED_FOR,
        "max": attempts_max,
        "over": attempts_max + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        attempts = cursor.fetchone()[0]
    if attempts > attempts_max:
        raise SignInLocked(minutes=int(LOCKED_FOR.total_seconds() // 60))


def _hashed(subject: str) -> str:
    return salted_hmac("citizencard.lockout", subject, algorithm="sha256").hexdigest()
