"""The software vault: masters in this process's memory."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

from citizencard.core.keyservice.keystore import SUITES, Algorithm, KeyName, Master, Usage, hmac_sm3
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.vault import KeyInfo, Vault

TAG_BYTES: Final = 16
"""Of GCM, behind the ciphertext."""


class SoftwareVault(Vault):
    """Computes with masters given in clear by whoever opens the service: the custodians, or the demonstration file."""

    def __init__(self, masters: Mapping[KeyName, Master]) -> None:
        self._masters = dict(masters)
        self._derived: dict[tuple[KeyName, bytes], Master] = {}

    def inventory(self) -> list[KeyInfo]:
        """Every master held, by usage and version."""
        return sorted(
            KeyInfo(usage, version, master.algorithm, master.kcv)
            for (usage, version), master in self._masters.items()
        )

    def encipher(self, usage: Usage, version: int, blocks: bytes, *, factor8: bytes | None = None) -> bytes:
        """ECB over whole blocks under a chip master or, with `factor8`, one level below it."""
        master = self._master(usage, version, Algorithm.DES3, Algorithm.SM4)
        if factor8 is not None:
            master = self._one_level_down((usage, version), master, factor8)
        return SUITES[master.algorithm].encrypt_ecb(master.key, blocks)

    def mac(self, usage: Usage, version: int, data: bytes) -> bytes:
        """HMAC with SM3 or SHA-256, 32 bytes."""
        master = self._master(usage, version, Algorithm.HMAC, Algorithm.HMAC_SM3, Algorithm.SEED)
        if master.algorithm is Algorithm.HMAC_SM3:
            return hmac_sm3(master.key, data)
        return hmac.digest(master.key, data, hashlib.sha256)

    def seal(self, usage: Usage, version: int, nonce12: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """AES-256-GCM or SM4-GCM: ciphertext | tag16."""
        master = self._master(usage, version, Algorithm.AES, Algorithm.SM4)
        if master.algorithm is Algorithm.AES:
            return AESGCM(master.key).encrypt(nonce12, plaintext, associated)
        cipher = Cipher(SM4(master.key), GCM(nonce12)).encryptor()
        cipher.authenticate_additional_data(associated)
        return cipher.update(plaintext) + cipher.finalize() + cipher.tag

    def open(self, usage: Usage, version: int, nonce12: bytes, sealed: bytes, associated: bytes) -> bytes:
        """The plaintext, or `Refusal` envelope_invalid."""
        master = self._master(usage, version, Algorithm.AES, Algorithm.SM4)
        try:
            if master.algorithm is Algorithm.AES:
                return AESGCM(master.key).decrypt(nonce12, sealed, associated)
            cipher = Cipher(SM4(master.key), GCM(nonce12, sealed[-TAG_BYTES:])).decryptor()
            cipher.authenticate_additional_data(associated)
            return cipher.update(sealed[:-TAG_BYTES]) + cipher.finalize()
        except InvalidTag:
            raise Refusal(Code.ENVELOPE_INVALID, "the sealed value does not belong to its place") from None

    def close(self) -> None:
        """Forget the masters, as far as Python forgets."""
        self._masters.clear()
        self._derived.clear()

    def _master(self, usage: Usage, version: int, *algorithms: Algorithm) -> Master:
        master = self._masters.get((usage, version))
        if master is None:
            raise Refusal(Code.UNKNOWN_KEY, f"no {usage} key of version {version}")
        if master.algorithm not in algorithms:
            raise Refusal(Code.BAD_REQUEST, f"a {master.algorithm} key does not do this")
        return master

    def _one_level_down(self, name: KeyName, master: Master, factor8: bytes) -> Master:
        if (name, factor8) not in self._derived:
            key = SUITES[master.algorithm].diversify(master.key, factor8)
            self._derived[name, factor8] = Master(master.algorithm, key)
        return self._derived[name, factor8]
