"""The key over all keys (TR-31's key block protection key, AES-256) and what derives from it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from citizencard.core.keyservice.keystore import Algorithm, Master
from citizencard.core.keyservice.refusal import Code, Refusal

PROTECTION_BYTES: Final = 32
_NONCE: Final = 12


@dataclass(frozen=True)
class ProtectionKey:
    """Protects the key blocks itself; the register's code and the token's PIN have keys derived from it (HKDF)."""

    key: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> ProtectionKey:
        """A new one."""
        return cls(secrets.token_bytes(PROTECTION_BYTES))

    @property
    def kcv(self) -> str:
        """AES check value, 6 hex digits."""
        return Master(Algorithm.AES, self.key).kcv

    @property
    def register_key(self) -> bytes:
        """Key of the register's HMAC."""
        return self._derive(b"citizencard key register")

    def seal_pin(self, pin: str) -> str:
        """A token's PIN under AES-256-GCM, in hex: nonce12 | ciphertext | tag16."""
        nonce = os.urandom(_NONCE)
        return (nonce + self._pin_cipher().encrypt(nonce, pin.encode(), None)).hex()

    def open_pin(self, sealed: str) -> str:
        """Inverse of `seal_pin`; `Refusal` register_invalid when it was not sealed under this key."""
        whole = bytes.fromhex(sealed)
        try:
            return self._pin_cipher().decrypt(whole[:_NONCE], whole[_NONCE:], None).decode()
        except InvalidTag:
            raise Refusal(Code.REGISTER_INVALID, "the token's PIN in the register does not open") from None

    def _pin_cipher(self) -> AESGCM:
        return AESGCM(self._derive(b"citizencard token PIN"))

    def _derive(self, purpose: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=purpose).derive(self.key)
