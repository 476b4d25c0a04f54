"""The PKCS#11 vault: masters in a token (an HSM; SoftHSM in tests), which computes with them and gives none out.

What comes out is the key of one card, for one call, as the card's own MACs need it. SM4 masters are refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import PyKCS11 as P11  # noqa: N814 -- it is PKCS#11's constants by their names

from citizencard.core.keyservice.keystore import Algorithm, Master, Usage
from citizencard.core.keyservice.pkcs11_import import unwrapped_in_token
from citizencard.core.keyservice.pkcs11_keys import ALGORITHMS, ECB, HMAC, TokenKeys, gcm
from citizencard.core.keyservice.pkcs11_token import TokenError, TokenLogin
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.vault import KeyInfo, Vault

Result = TypeVar("Result")

_TAG: Final = 16
_FALSE_TAG: Final = (
    P11.CKR_ENCRYPTED_DATA_INVALID,
    P11.CKR_ENCRYPTED_DATA_LEN_RANGE,
    P11.CKR_AEAD_DECRYPT_FAILED,
    P11.CKR_GENERAL_ERROR,
)
"""How tokens report a wrong tag; SoftHSM by its general error."""


class Pkcs11Vault(Vault):
    """Logs in at once and again when the token was away. The PIN is kept for that, but never offered twice if refused."""

    def __init__(self, module: Path, token_label: str, pin: str) -> None:
        """`Refusal` vault_unavailable without library or token, or with a wrong PIN."""
        self._module = module
        self._token_label = token_label
        self._pin: str | None = pin
        self._changing = threading.Lock()
        self._keys: TokenKeys | None = None
        self._logged_in()

    def inventory(self) -> list[KeyInfo]:
        """Every master held, by usage and version; the token computes the check values at login."""
        return self._logged_in().inventory()

    def encipher(self, usage: Usage, version: int, blocks: bytes, *, factor8: bytes | None = None) -> bytes:
        """3DES-ECB under a chip master or, with `factor8`, under a key derived from it inside the token."""

        def work(keys: TokenKeys) -> bytes:
            key = keys.find((usage, version), Algorithm.DES3)
            if factor8 is not None:
                key = keys.one_level_down((usage, version), factor8)
            with keys.login.session() as session:
                return bytes(session.encrypt(key, blocks, ECB))

        return self._run(work)

    def mac(self, usage: Usage, version: int, data: bytes) -> bytes:
        """HMAC-SHA256, 32 bytes."""

        def work(keys: TokenKeys) -> bytes:
            key = keys.find((usage, version), Algorithm.HMAC, Algorithm.SEED)
            with keys.login.session() as session:
                return bytes(session.sign(key, data, HMAC))

        return self._run(work)

    def seal(self, usage: Usage, version: int, nonce12: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """AES-256-GCM: ciphertext | tag16."""

        def work(keys: TokenKeys) -> bytes:
            key = keys.find((usage, version), Algorithm.AES)
            with keys.login.session() as session:
                # In parts: PyKCS11's C_Encrypt in one call fails on an empty plaintext.
                session.encryptInit(gcm(nonce12, associated), key)
                body = bytes(session.encryptUpdate(plaintext)) if plaintext else b""
                return body + bytes(session.encryptFinal())

        return self._run(work)

    def open(self, usage: Usage, version: int, nonce12: bytes, sealed: bytes, associated: bytes) -> bytes:
        """The plaintext, or `Refusal` envelope_invalid."""
        if len(sealed) < _TAG:
            raise Refusal(Code.ENVELOPE_INVALID, "the sealed value is shorter than its tag")

        def work(keys: TokenKeys) -> bytes:
            key = keys.find((usage, version), Algorithm.AES)
            with keys.login.session() as session:
                session.decryptInit(gcm(nonce12, associated), key)
                return _checked_plaintext(session, sealed)

        return self._run(work)

    def import_master(self, usage: Usage, version: int, master: Master) -> KeyInfo:
        """Put a master into the token for good: for the key ceremony only. The token unwraps it, no call shows it.

        `Refusal`: unsupported for SM4, bad_request when this version is there already.
        """
        if master.algorithm not in ALGORITHMS:
            raise Refusal(Code.UNSUPPORTED, f"a PKCS#11 token holds no {master.algorithm} keys")
        keys = self._logged_in()
        if keys.holds((usage, version)):
            raise Refusal(Code.BAD_REQUEST, f"the token holds a {usage} key of version {version} already")
        with keys.login.writing_session() as session:
            unwrapped_in_token(session, usage, version, master)
        self._forget(keys)
        return KeyInfo(usage, version, master.algorithm, master.kcv)

    def destroy_master(self, usage: Usage, version: int) -> None:
        """Take a master out of the token and out of the world; `Refusal` unknown_key when it is not there."""
        keys = self._logged_in()
        handle = keys.find((usage, version), *ALGORITHMS)
        with keys.login.writing_session() as session:
            session.destroyObject(handle)
        self._forget(keys)

    def close(self) -> None:
        """Log out and forget the PIN."""
        self._pin = None
        if self._keys is not None:
            self._forget(self._keys)

    def _run(self, work: Callable[[TokenKeys], Result]) -> Result:
        """Do it, and once more after a new login if the token failed: sessions do not survive its restart."""
        keys = self._logged_in()
        try:
            return work(keys)
        except TokenError:
            self._forget(keys)
        keys = self._logged_in()
        try:
            return work(keys)
        except TokenError:
            self._forget(keys)
            raise

    def _logged_in(self) -> TokenKeys:
        with self._changing:
            if self._keys is None:
                if self._pin is None:
                    raise TokenError("no PIN is held: the token refused it, or the vault was closed")
                try:
                    self._keys = TokenKeys(TokenLogin(self._module, self._token_label, self._pin))
                except TokenError as error:
                    # Another attempt with the same PIN would only bring the token nearer to locking itself.
                    self._pin = None if error.pin_refused else self._pin
                    raise
            return self._keys

    def _forget(self, keys: TokenKeys) -> None:
        with self._changing:
            if self._keys is not keys:
                return
            self._keys = None
        keys.login.close()


def _checked_plaintext(session: Any, sealed: bytes) -> bytes:
    try:
        return bytes(session.decryptUpdate(sealed)) + bytes(session.decryptFinal())
    except P11.PyKCS11Error as error:
        if error.value in _FALSE_TAG:
            raise Refusal(Code.ENVELOPE_INVALID, "the sealed value does not belong to its place") from None
        raise
