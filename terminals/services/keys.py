"""Terminals' signing keys: a new one, its successor, and the end of all of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from citizencard.core.audit import record_audit
from terminals.errors import KeyTaken, ProofOfPossessionWrong, RotationSuperseded
from terminals.models import Terminal, TerminalKey
from terminals.wire.enrolment import ROTATION, proves_possession

OVERLAP: Final = timedelta(days=7)
"""How long a key counts beside its successor: as long as a terminal may be without the answer that took the new one."""


def lock_terminal(terminal: Terminal) -> Terminal:
    """The terminal's row, read anew under lock until the caller's transaction ends: its steps and keys come one by one."""
    return Terminal.objects.select_for_update(no_key=True).get(pk=terminal.pk)


def valid_keys(terminal: Terminal, now: datetime) -> list[TerminalKey]:
    """The keys the terminal may sign with, newest first."""
    current = Q(valid_from__lte=now, revoked_at=None) & (Q(valid_until=None) | Q(valid_until__gt=now))
    return list(terminal.keys.filter(current).order_by("-valid_from", "-pk"))


def add_key(*, terminal: Terminal, public_key: bytes, origin: str) -> TerminalKey:
    """Keep a public key, valid from now on, within the caller's transaction. Raises KeyTaken."""
    Ed25519PublicKey.from_public_bytes(public_key)
    try:
        with transaction.atomic():
            return TerminalKey.objects.create(
                terminal=terminal, public_key=public_key, origin=origin, valid_from=timezone.now()
            )
    except IntegrityError as error:
        raise KeyTaken from error


def revoke_keys(*, terminal: Terminal, reason: str) -> None:
    """No key of the terminal counts any more; within the caller's transaction."""
    terminal.keys.filter(revoked_at=None).update(revoked_at=timezone.now(), revoked_reason=reason)


@transaction.atomic
def rotate_key(
    *, terminal: Terminal, signed_with: TerminalKey, public_key: bytes, proof: bytes
) -> TerminalKey:
    """The terminal's next key, named in a request signed with its newest one, which then counts for OVERLAP longer.

    Again with the same key, signed with either, answers what is there: the first answer was lost. Audited in the
    terminal's name. Raises ProofOfPossessionWrong, RotationSuperseded, KeyTaken.
    """
    terminal, now = lock_terminal(terminal), timezone.now()
    newest = next(iter(valid_keys(terminal, now)), None)
    if newest is not None and bytes(newest.public_key) == public_key:
        return newest
    if newest is None or newest.pk != signed_with.pk:
        raise RotationSuperseded
    if not proves_possession(
        purpose=ROTATION,
        code=terminal.code,
        terminal_no=terminal.terminal_no,
        public_key=public_key,
        proof=proof,
    ):
        raise ProofOfPossessionWrong
    key = add_key(terminal=terminal, public_key=public_key, origin=TerminalKey.Origin.ROTATED)
    TerminalKey.objects.filter(pk=newest.pk).update(valid_until=now + OVERLAP)
    record_audit(
        actor=terminal.code,
        action="terminal.rotate",
        subject=f"terminal:{terminal.code}",
        detail={"public_key": public_key.hex()},
    )
    return key
