"""The people who keep the keys: a name, a passphrase as a scrypt hash, and which share of the protection key is theirs."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from citizencard.core.keyservice.refusal import Code, Refusal

CUSTODIANS_MIN: Final = 3
CUSTODIANS_MAX: Final = 9
PASSPHRASE_MIN: Final = 12
ATTEMPTS_MAX: Final = 5
LOCKED_S: Final = 900.0
COST: Final = {"n": 1 << 15, "r": 8, "p": 3}
"""scrypt's parameters (RFC 7914) as OWASP's password storage cheat sheet gives them: 32 MiB, a quarter of a second."""
_MEMORY: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class Custodian:
    """One custodian as the register keeps him. `share_check` is `check_of` his share: it identifies it, no more."""

    name: str
    passphrase: str = field(repr=False)
    share_no: int
    share_check: str


def check_of(share: bytes) -> str:
    """Check value of a share or component on paper: 6 hex digits of its SHA-256."""
    return hashlib.sha256(share).hexdigest()[:6].upper()


def hash_passphrase(passphrase: str) -> str:
    """`salt$hash` in hex. `Refusal` bad_request for a short passphrase."""
    if len(passphrase) < PASSPHRASE_MIN:
        raise Refusal(Code.BAD_REQUEST, f"a passphrase has at least {PASSPHRASE_MIN} characters")
    salt = os.urandom(16)
    return f"{salt.hex()}${_scrypt(passphrase, salt).hex()}"


def passphrase_fits(hashed: str, passphrase: str) -> bool:
    """Whether this is the passphrase that was hashed."""
    salt, _, right = hashed.partition("$")
    return hmac.compare_digest(_scrypt(passphrase, bytes.fromhex(salt)), bytes.fromhex(right))


class Attempts:
    """Counts wrong passphrases and shares: after `ATTEMPTS_MAX` in a row a custodian is locked for `LOCKED_S`.

    The count is the process's own; the audit log keeps every failure beyond a restart.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    def check(self, name: str) -> None:
        """`Refusal` custodian_invalid while this custodian is locked."""
        count, since = self._failures.get(name, (0, 0.0))
        if count >= ATTEMPTS_MAX and self._clock() - since < LOCKED_S:
            raise Refusal(
                Code.CUSTODIAN_INVALID, "too many wrong attempts: this custodian is locked for a while"
            )

    def failed(self, name: str) -> None:
        """One more wrong attempt."""
        count, since = self._failures.get(name, (0, 0.0))
        count = 0 if self._clock() - since >= LOCKED_S else count
        self._failures[name] = (count + 1, self._clock())

    def succeeded(self, name: str) -> None:
        """Begin anew."""
        self._failures.pop(name, None)


def _scrypt(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, maxmem=_MEMORY, dklen=32, **COST)
