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

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from citizencard.core.keyservice.keystore import KeyStore, Usage
from citizencard.core.keyservice.refusal import Code, Refusal

ENVELOPE_VERSION: Final = 1
_HEADER: Final = struct.Struct(">BBI")
_NONCE: Final = 12
_TAG: Final = 16


class Suite(IntEnum):
    """Algorithm of one sealed value; stored in the value, so that suites can live side by side."""

    AES_256_GCM = 1


class PrivacyKeys:
    """Seals, opens and indexes; data keys are the PII_DEK masters, newest for sealing, any for opening."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def seal(self, items: list[tuple[bytes, bytes]]) -> list[bytes]:
        """Envelopes of (associated data, plaintext) pairs under the newest data key."""
        version = self._store.newest(Usage.PII_DEK)
        header = _HEADER.pack(ENVELOPE_VERSION, Suite.AES_256_GCM, version)
        cipher = AESGCM(self._store.master(Usage.PII_DEK, version))
        sealed = []
        for place, plaintext in items:
            nonce = os.urandom(_NONCE)
            sealed.append(header + nonce + cipher.encrypt(nonce, plaintext, place + b"|" + header))
        return sealed

    def open(self, items: list[tuple[bytes, bytes]]) -> list[bytes]:
        """Plaintexts of (associated data, envelope) pairs; `Refusal` envelope_invalid names the first that fails."""
        ciphers: dict[int, AESGCM] = {}
        return [self._open_one(index, place, sealed, ciphers) for index, (place, sealed) in enumerate(items)]

    def blind_index(self, column: str, values: list[bytes], key_version: int) -> list[bytes]:
        """HMAC-SHA256 of each value under the column's own key: equal values are found, nothing is revealed."""
        master = self._store.master(Usage.PII_INDEX, key_version)
        key = HKDF(SHA256(), 32, salt=None, info=b"citizencard blind index " + column.encode()).derive(master)
        return [hmac.digest(key, value, hashlib.sha256) for value in values]

    def _open_one(self, index: int, place: bytes, sealed: bytes, ciphers: dict[int, AESGCM]) -> bytes:
        if len(sealed) < _HEADER.size + _NONCE + _TAG:
            raise Refusal(Code.ENVELOPE_INVALID, f"sealed value {index} is too short")
        header, body = sealed[: _HEADER.size], sealed[_HEADER.size :]
        version, suite, key_id = _HEADER.unpack(header)
        if (version, suite) != (ENVELOPE_VERSION, Suite.AES_256_GCM):
            raise Refusal(Code.ENVELOPE_INVALID, f"sealed value {index} has an unknown version or suite")
        if key_id not in ciphers:
            ciphers[key_id] = AESGCM(self._store.master(Usage.PII_DEK, key_id))
        try:
            return ciphers[key_id].decrypt(body[:_NONCE], body[_NONCE:], place + b"|" + header)
        except InvalidTag:
            raise Refusal(
                Code.ENVELOPE_INVALID, f"sealed value {index} does not belong to its place"
            ) from None
