"""Personal data: authenticated field encryption and keyed blind indexes.

Envelope: version1 | suite1 | data key id4 | nonce12 | ciphertext | tag16. The associated data is the caller's place
(table|column|row) followed by the first six bytes, so neither a moved field nor an exchanged suite or key id opens.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from enum import IntEnum
from typing import Final

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.keystore import Algorithm, Usage, hmac_sm3
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal

ENVELOPE_VERSION: Final = 1
_HEADER: Final = struct.Struct(">BBI")
_NONCE: Final = 12
_TAG: Final = 16


class Suite(IntEnum):
    """Algorithm of one sealed value, which is that of the data key's version; stored in the value, so that suites live side by side."""

    AES_256_GCM = 1
    SM4_GCM = 2


_SUITE_OF: Final = {Algorithm.AES: Suite.AES_256_GCM, Algorithm.SM4: Suite.SM4_GCM}


class PrivacyKeys:
    """Seals, opens and indexes; data keys are the PII_DEK masters, the current one for sealing, older ones to open."""

    def __init__(self, access: KeyAccess) -> None:
        self._access = access

    def seal(self, items: list[tuple[bytes, bytes]]) -> list[bytes]:
        """Envelopes of (associated data, plaintext) pairs under the current data key."""
        version = self._access.current(Usage.PII_DEK)
        suite = _SUITE_OF[self._access.require(Usage.PII_DEK, version, Intent.ISSUE)]
        header = _HEADER.pack(ENVELOPE_VERSION, suite, version)
        sealed = []
        for place, plaintext in items:
            nonce = os.urandom(_NONCE)
            body = self._access.vault.seal(Usage.PII_DEK, version, nonce, plaintext, place + b"|" + header)
            sealed.append(header + nonce + body)
        return sealed

    def open(self, items: list[tuple[bytes, bytes]]) -> list[bytes]:
        """Plaintexts of (associated data, envelope) pairs; `Refusal` envelope_invalid names the first that fails."""
        return [self._open_one(index, place, sealed) for index, (place, sealed) in enumerate(items)]

    def blind_index(self, column: str, values: list[bytes], key_version: int) -> list[bytes]:
        """HMAC of each value under the column's own key, with the key's hash: equal values are found, nothing is revealed."""
        algorithm = self._access.require(Usage.PII_INDEX, key_version, Intent.SERVE)
        info = b"citizencard blind index " + column.encode()
        key = self._access.derive(Usage.PII_INDEX, key_version, info)
        if algorithm is Algorithm.HMAC_SM3:
            return [hmac_sm3(key, value) for value in values]
        return [hmac.digest(key, value, hashlib.sha256) for value in values]

    def _open_one(self, index: int, place: bytes, sealed: bytes) -> bytes:
        if len(sealed) < _HEADER.size + _NONCE + _TAG:
            raise Refusal(Code.ENVELOPE_INVALID, f"sealed value {index} is too short")
        header, body = sealed[: _HEADER.size], sealed[_HEADER.size :]
        version, suite, key_id = _HEADER.unpack(header)
        if version != ENVELOPE_VERSION or suite not in set(Suite):
            raise Refusal(Code.ENVELOPE_INVALID, f"sealed value {index} has an unknown version or suite")
        if suite != _SUITE_OF[self._access.require(Usage.PII_DEK, key_id, Intent.SERVE)]:
            raise Refusal(Code.ENVELOPE_INVALID, f"sealed value {index} is of another suite than its key")
        nonce, ciphertext = body[:_NONCE], body[_NONCE:]
        try:
            return self._access.vault.open(Usage.PII_DEK, key_id, nonce, ciphertext, place + b"|" + header)
        except Refusal as refusal:
            if refusal.code is not Code.ENVELOPE_INVALID:
                raise
            raise Refusal(
                Code.ENVELOPE_INVALID, f"sealed value {index} does not belong to its place"
            ) from None
