"""Which key a request is signed with: one look-up for terminal and keys, then the signature in its usual form or any other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.utils import timezone

from citizencard.core.prepared import fetch_one
from terminals.wire.errors import SignatureError
from terminals.wire.plain_signature import read_plain
from terminals.wire.signature import SignedMessage, verify_request

KEYS_TRIED: Final = 4
"""The present key, its predecessor, and the last ones that were revoked: a forged request costs no more tries."""

# A row in any case, so that whoever asks for an unknown terminal is answered as fast as others. Newest first; while a key
# is rotated there are two to try, and revoked ones come last.
_KEYS: Final = """
SELECT array_agg(k.id), array_agg(k.public_key), array_agg(k.revoked_at), array_agg(k.valid_until),
    min(k.terminal_id), min(k.terminal_no)
FROM (
    SELECT key.id, key.public_key, key.revoked_at, key.valid_until, terminal.id AS terminal_id, terminal.terminal_no
    FROM terminals_terminal AS terminal JOIN terminals_terminalkey AS key ON key.terminal_id = terminal.id
    WHERE terminal.code = %s ORDER BY key.revoked_at DESC NULLS FIRST, key.id DESC LIMIT %s
) AS k
"""


class SigningKey(NamedTuple):
    """A key that is on record for a terminal, and as much of the terminal as a purchase needs."""

    id: int
    public_key: bytes
    revoked_at: datetime | None
    valid_until: datetime | None
    terminal_id: int
    terminal_no: str


RECALLED: Final = 20_000
"""More terminals than one city has; a process that has seen more begins anew."""
_recalled: dict[str, SigningKey] = {}
"""The key each terminal last signed with."""


def find_signing_key(message: SignedMessage) -> SigningKey:
    """The key a message is signed with, which counts now. Raises SignatureError, see `verify_request`; further codes are
    `key_revoked` and `key_expired`, which only who holds such a key is told.
    """
    tolerance = timedelta(seconds=settings.SIGNATURE_TOLERANCE_SECONDS)
    plain, keys = read_plain(message, tolerance), list[SigningKey]()
    if plain is not None:
        keys = _known_keys(plain.keyid)
        for key in keys:
            if plain.is_by(key.public_key):
                return _counting(key)
    return _counting(_looked_at_closely(message, tolerance, keys))


def recall_signing_key(message: SignedMessage) -> SigningKey | None:
    """The key that a plainly signed message is signed with, perhaps from memory; None where a closer look is needed.

    What is remembered may count no more by now. Who uses it asks the database in the same breath.
    """
    plain = read_plain(message, timedelta(seconds=settings.SIGNATURE_TOLERANCE_SECONDS))
    if plain is None:
        return None
    key = _recalled.get(plain.keyid)
    if key is not None and plain.is_by(key.public_key):
        return key
    for key in _known_keys(plain.keyid):
        if plain.is_by(key.public_key):
            if len(_recalled) >= RECALLED:
                _recalled.clear()
            _recalled[plain.keyid] = key
            return key
    return None


def _looked_at_closely(message: SignedMessage, tolerance: timedelta, keys: list[SigningKey]) -> SigningKey:
    def find_key(code: str) -> bytes | None:
        if not keys:
            keys.extend(_known_keys(code))
        return keys[0].public_key if keys else None

    while True:
        try:
            verify_request(message, find_key=find_key, tolerance=tolerance)
        except SignatureError as error:
            if error.code != "signature_invalid" or len(keys) < 2:
                raise
            del keys[0]
        else:
            return keys[0]


def _known_keys(code: str) -> list[SigningKey]:
    ids, publics, revoked, until, terminal_id, terminal_no = fetch_one(_KEYS, (code, KEYS_TRIED))
    rows = zip(ids or (), publics or (), revoked or (), until or (), strict=True)
    return [SigningKey(*row, terminal_id, terminal_no) for row in rows]


def _counting(key: SigningKey) -> SigningKey:
    if key.revoked_at is not None:
        raise SignatureError("key_revoked", f"the key was revoked at {key.revoked_at.isoformat()}")
    if key.valid_until is not None and key.valid_until <= timezone.now():
        raise SignatureError("key_expired", f"the key was followed by another until {key.valid_until}")
    return key
