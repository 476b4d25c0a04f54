"""Calls about personal data and signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from citizencard.core.keyservice.calls.base import Calls, chunks
from citizencard.core.keyservice.protocol import Opcode, pack_strings, to_json
from citizencard.core.keyservice.signing import SignPurpose

_INDEX_BYTES: Final = 32


class PrivacyCalls(Calls):
    """Fields are sealed for one place (table|column|row id) and open only there."""

    def seal_fields(self, items: Sequence[tuple[str, str]]) -> list[bytes]:
        """Envelopes of (place, plaintext) pairs, in their order."""
        pairs = [(place.encode(), plaintext.encode()) for place, plaintext in items]
        return list(self._bulk(Opcode.SEAL, pairs))

    def open_fields(self, items: Sequence[tuple[str, bytes]]) -> list[str]:
        """Plaintexts of (place, envelope) pairs; refusal `envelope_invalid` if one was changed or moved."""
        pairs = [(place.encode(), bytes(sealed)) for place, sealed in items]
        return [plaintext.decode() for plaintext in self._bulk(Opcode.OPEN, pairs)]

    def blind_index(self, column: str, values: Sequence[str], *, key_version: int = 1) -> list[bytes]:
        """32-byte keyed index of each (already normalised) value. A new key version means a new index column."""
        head = to_json({"column": column, "key_version": key_version})
        indexes: list[bytes] = []
        for chunk in chunks([value.encode() for value in values], len):
            packed = self._channel.call(Opcode.BLIND_INDEX, pack_strings([head, *chunk]))
            indexes += [packed[at : at + _INDEX_BYTES] for at in range(0, len(packed), _INDEX_BYTES)]
        return indexes


class SigningCalls(Calls):
    """Ed25519 (RFC 8032) under one key pair per purpose."""

    def sign(self, purpose: SignPurpose, data: bytes, *, version: int | None = None) -> bytes:
        """Signature, 64 bytes; `version` of the seed, by default the current one. Sign a digest where `data` could pass 4 MiB."""
        return self._channel.call(Opcode.SIGN, pack_strings([purpose.encode(), data, *_octet(version)]))

    def public_key(self, purpose: SignPurpose, *, version: int | None = None) -> bytes:
        """Raw public key, 32 bytes."""
        return self._channel.call(Opcode.PUBLIC_KEY, pack_strings([purpose.encode(), b"", *_octet(version)]))


def _octet(version: int | None) -> list[bytes]:
    return [] if version is None else [bytes([version])]
