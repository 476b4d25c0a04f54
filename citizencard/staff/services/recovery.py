"""Ten codes on paper for the day the app or the key is lost."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from citizencard.core.audit import record_audit
from citizencard.core.onetime import code_digest, new_code
from citizencard.staff.errors import FactorRefused
from citizencard.staff.models import RecoveryCode

CODES: Final = 10


@transaction.atomic
def make_codes(*, user: User) -> list[str]:
    """A new list, shown this once; the one before is worth nothing any more. Audited."""
    RecoveryCode.objects.filter(user=user).delete()
    codes = [new_code() for _number in range(CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in codes)
    record_audit(
        actor=user.get_username(),
        action="staff.recovery.make",
        subject=f"user:{user.pk}",
    )
    return codes


@transaction.atomic
def use_recovery_code(*, user: User, code: str) -> None:
    """Accept a code once. Raises FactorRefused. Audited."""
    unused = RecoveryCode.objects.filter(user=user, digest=_digest(user, code), used_at=None)
    if not unused.update(used_at=timezone.now()):
        raise FactorRefused
    left = RecoveryCode.objects.filter(user=user, used_at=None).count()
    record_audit(
        actor=user.get_username(),
        action="staff.recovery.use",
        subject=f"user:{user.pk}",
        detail={"left": left},
    )


def _digest(user: User, code: str) -> bytes:
    return bytes.fromhex(code_digest(code, purpose=f"citizencard.staff.recovery.{user.pk}"))
