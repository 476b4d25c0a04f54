"""Where the master keys are: what every back end that holds them can do, and nothing that would give one away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from citizencard.core.keyservice.keystore import Algorithm, Usage


@dataclass(frozen=True, order=True)
class KeyInfo:
    """What may be known of a master key; `kcv` as `keystore.Master.kcv`, 6 hex digits."""

    usage: Usage
    version: int
    algorithm: Algorithm
    kcv: str


def diversification_block(factor8: bytes) -> bytes:
    """What a master enciphers into the key one level down: factor | NOT factor, 16 bytes (JR/T 0025.2)."""
    return factor8 + bytes(octet ^ 0xFF for octet in factor8)


class Vault(Protocol):
    """Holds the masters of one city and computes with them; safe to share between threads.

    Every method raises `Refusal`: unknown_key for a version that is not held, bad_request for a key of another
    algorithm, vault_unavailable when the place of the keys (a token) does not answer.
    """

    def inventory(self) -> list[KeyInfo]:
        """Every master held, by usage and version."""

    def encipher(self, usage: Usage, version: int, blocks: bytes, *, factor8: bytes | None = None) -> bytes:
        """ECB over whole blocks (8 bytes 3DES, 16 bytes SM4) under a chip master: all that diversification needs.

        With `factor8` it works one level down, under the master diversified by this factor (the issuer's level), a key
        the vault derives at its first use and keeps.
        """

    def mac(self, usage: Usage, version: int, data: bytes) -> bytes:
        """HMAC under the master, 32 bytes: with SM3 for an HMAC_SM3 one, else SHA-256."""

    def seal(self, usage: Usage, version: int, nonce12: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """AES-256-GCM, or SM4-GCM under an SM4 master: ciphertext | tag16. The nonce must be fresh for this key."""

    def open(self, usage: Usage, version: int, nonce12: bytes, sealed: bytes, associated: bytes) -> bytes:
        """The plaintext of `seal`; `Refusal` envelope_invalid when tag, nonce or associated data do not fit."""

    def close(self) -> None:
        """Give up the keys; nothing else may be called after."""
