"""Django's way to the keys: `key_service()` is the process's client of the key service.

Amounts are fen; times are the device's (aware ones are taken to Asia/Shanghai); serials are the rightmost 8 bytes of
the application serial. Every call may raise `KeyServiceError` (refused) or `KeyServiceUnavailable` (down, sealed,
busy). All calls can be repeated without harm.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from citizencard.core.keyservice.calls.deposit import DepositCalls
from citizencard.core.keyservice.calls.identity import IdentityCalls
from citizencard.core.keyservice.calls.issuing import IssuingCalls
from citizencard.core.keyservice.calls.privacy import PrivacyCalls, SigningCalls
from citizencard.core.keyservice.calls.proofs import ProofCalls
from citizencard.core.keyservice.calls.purse import PurseCalls
from citizencard.core.keyservice.protocol import Opcode
from citizencard.core.keyservice.roles import Role


@dataclass(frozen=True)
class KeyVersion:
    """One key the service holds: usage, version, check value (6 hex digits)."""

    usage: str
    version: int
    kcv: str


@dataclass(frozen=True)
class Status:
    """State ("open" or "sealed"), whether the keys are demonstration keys, and what is held."""

    state: str
    demo: bool
    keys: tuple[KeyVersion, ...]


class KeyServiceClient(
    PurseCalls, DepositCalls, IssuingCalls, IdentityCalls, PrivacyCalls, ProofCalls, SigningCalls
):
    """One client serves a whole process: each thread gets its own connection, a forked child new ones."""

    def status(self) -> Status:
        """State and inventory. A sealed service answers this too; only an absent one is unavailable."""
        content = json.loads(self._channel.call(Opcode.STATUS, b""))
        return Status(content["state"], content["demo"], tuple(KeyVersion(**key) for key in content["keys"]))


@lru_cache(maxsize=16)
def _client_for(socket_path: str, role: Role) -> KeyServiceClient:
    return KeyServiceClient(Path(socket_path), role=role)


def key_service(role: str | None = None) -> KeyServiceClient:
    """The process's client of `settings.KEY_SERVICE_SOCKET`, in the process's role or, where cards are written, another."""
    return _client_for(settings.KEY_SERVICE_SOCKET, Role(role or settings.KEY_SERVICE_ROLE))
