"""Enrolment: a code that staff give out once turns a device into a registered terminal, by a key it makes itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from citizencard.core.audit import record_audit
from citizencard.core.onetime import code_digest, new_code
from terminals.errors import EnrolmentCodeInvalid, IllegalTerminalStep, ProofOfPossessionWrong
from terminals.models import EnrolmentCode, Terminal, TerminalKey
from terminals.services.keys import add_key, lock_terminal, revoke_keys
from terminals.wire.enrolment import ENROLMENT, plain_code, proves_possession

CODE_LIFE: Final = timedelta(hours=1)
"""From the desk to the vehicle."""
TRIES_MAX: Final = 5
ENROLLED_ANEW: Final = "enrolled anew"

_State = Terminal.State

# Counted before the code is looked at, in one statement, so that parallel guesses cannot slip through.
_COUNT_TRY = """
UPDATE terminals_enrolmentcode AS code SET tries = tries + 1 FROM terminals_terminal AS terminal
WHERE terminal.id = code.terminal_id AND terminal.terminal_no = %s
    AND expires_at > %s AND tries < %s
RETURNING code.id, code.digest
"""


@transaction.atomic
def issue_enrolment_code(*, terminal: Terminal, actor: str, reason: str) -> str:
    """A new one-time code for the terminal; given out this once only, and the one before it is void. Audited.

    For a terminal in use it is a new device, or one that lost its key. Raises IllegalTerminalStep for one that is revoked
    or retired.
    """
    terminal, now = lock_terminal(terminal), timezone.now()
    _refuse_ended(terminal)
    terminal.enrolment_codes.filter(expires_at__gt=now).update(expires_at=now)
    code = new_code()
    EnrolmentCode.objects.create(
        terminal=terminal, digest=_digest(code), created_by=actor, expires_at=now + CODE_LIFE
    )
    record_audit(
        actor=actor,
        action="terminal.issue_code",
        subject=f"terminal:{terminal.code}",
        detail={"reason": reason},
    )
    return code


def enrol_terminal(*, code: str, terminal_no: str, public_key: bytes, proof: bytes) -> Terminal:
    """The terminal whose SAM and code these are, now active by this key; any key it had before counts no more.

    Each call is one of the code's TRIES_MAX, whatever comes of it. The same again, because the answer was lost, is no
    change. Audited in the name of who gave the code out. Raises EnrolmentCodeInvalid, ProofOfPossessionWrong, KeyTaken.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_COUNT_TRY, [terminal_no, timezone.now(), TRIES_MAX])
        found = cursor.fetchone()
    if found is None or not constant_time_compare(found[1], _digest(code)):
        raise EnrolmentCodeInvalid
    if not proves_possession(
        purpose=ENROLMENT,
        code=plain_code(code),
        terminal_no=terminal_no,
        public_key=public_key,
        proof=proof,
    ):
        raise ProofOfPossessionWrong
    return _take_device(found[0], public_key)


@transaction.atomic
def _take_device(pk: int, public_key: bytes) -> Terminal:
    terminal = lock_terminal(Terminal.objects.get(enrolment_codes=pk))
    code, now = EnrolmentCode.objects.get(pk=pk), timezone.now()
    if code.used_at is not None:
        if terminal.keys.filter(public_key=public_key, revoked_at=None).exists():
            return terminal
        raise EnrolmentCodeInvalid
    _refuse_ended(terminal)
    code.used_at = now
    code.save(update_fields=["used_at"])
    revoke_keys(terminal=terminal, reason=ENROLLED_ANEW)
    add_key(terminal=terminal, public_key=public_key, origin=TerminalKey.Origin.ENROLLED)
    if terminal.state == _State.REGISTERED:
        terminal.activate()
        terminal.state_at, terminal.state_reason = now, ""
        terminal.save(update_fields=["state", "state_at", "state_reason"])
    record_audit(
        actor=code.created_by,
        action="terminal.enrol",
        subject=f"terminal:{terminal.code}",
        detail={"public_key": public_key.hex(), "state": terminal.state},
    )
    return terminal


def _refuse_ended(terminal: Terminal) -> None:
    if terminal.state in (_State.REVOKED, _State.RETIRED):
        raise IllegalTerminalStep(source=terminal.get_state_display(), target=_State.ACTIVE.label)


def _digest(code: str) -> str:
    return code_digest(code, purpose="citizencard.terminals.enrolment")
