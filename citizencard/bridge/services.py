"""Pairing, revoking, and what is kept about the use of readers: the only writers of the bridge's tables."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, transaction
from django.utils import timezone

from citizencard.bridge.errors import PairingCodeInvalid
from citizencard.bridge.models import PairingCode, Workstation
from citizencard.bridge.transport import drop_workstation
from citizencard.core.audit import record_audit
from citizencard.core.onetime import code_digest, new_code
from terminals.card.errors import TransportError

CODE_LIFE: Final = timedelta(minutes=10)
TRAIL_WAIT_MS: Final = 10_000
"""How long a use of a reader waits for the audit trail."""


@transaction.atomic
def ask_pairing_code(*, name: str, actor: str) -> tuple[PairingCode, str]:
    """A new one-time code for a workstation to be called `name`; the code itself is given out this once only."""
    PairingCode.objects.filter(workstation=None, expires_at__lt=timezone.now()).delete()
    code = new_code()
    kept = PairingCode.objects.create(
        digest=_digest(code), name=name, created_by=actor, expires_at=timezone.now() + CODE_LIFE
    )
    return kept, code


@transaction.atomic
def pair_workstation(*, code: str, public_key: bytes) -> Workstation:
    """Make a PC known under the code's name; the code is used up. Audited in the name of who asked for the code.

    Raises PairingCodeInvalid. Of two at the same time with one code, the row lets one win.
    """
    Ed25519PublicKey.from_public_bytes(public_key)
    now = timezone.now()
    usable = PairingCode.objects.filter(digest=_digest(code), workstation=None, expires_at__gt=now)
    kept = usable.first()
    if kept is None:
        raise PairingCodeInvalid
    workstation = Workstation.objects.create(
        name=kept.name, public_key=public_key, paired_by=kept.created_by, paired_at=now
    )
    if not usable.update(workstation=workstation):
        raise PairingCodeInvalid
    _audit(workstation, actor=kept.created_by, action="workstation.pair")
    return workstation


@transaction.atomic
def revoke_workstation(*, workstation: Workstation, actor: str, reason: str) -> None:
    """The server uses this PC's readers no more; a running use is cut off. Again is no change. Audited."""
    known = Workstation.objects.filter(pk=workstation.pk, revoked_at=None)
    if known.update(revoked_at=timezone.now(), revoked_by=actor):
        _audit(workstation, actor=actor, action="workstation.revoke", reason=reason)
    transaction.on_commit(partial(_cut, workstation.pk))


def _cut(pk: UUID) -> None:
    with suppress(TransportError):  # without a hub there is no line to cut
        drop_workstation(pk)


def note_seen(*, pk: UUID) -> None:
    """The workstation's agent is here."""
    Workstation.objects.filter(pk=pk).update(seen_at=timezone.now())


@transaction.atomic
def audit_use(*, pk: UUID, actor: str, action: str, detail: dict[str, Any]) -> None:
    """A use of a reader begins (`reader.use`) or ends (`reader.release`). Never what was said to the card.

    Raises OperationalError when the audit trail stays locked, as by the caller's own open transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {TRAIL_WAIT_MS}")
    record_audit(actor=actor, action=action, subject=f"workstation:{pk}", detail=detail)


def _audit(workstation: Workstation, *, actor: str, action: str, **detail: Any) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"workstation:{workstation.pk}",
        detail={"name": workstation.name, **detail},
    )


def _digest(code: str) -> str:
    return code_digest(code, purpose="citizencard.bridge.pairing")
