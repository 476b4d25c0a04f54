"""Ed25519 signatures of files the system publishes; every purpose has its own key pair, derived from the seed."""

from __future__ import annotations

from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.keystore import Usage


class SignPurpose(StrEnum):
    """What a signature may stand under; a key of one purpose never signs for another."""

    HOT_LIST = "hot_list"
    SETTLEMENT_FILE = "settlement_file"
    CARD_BRIDGE = "card_bridge"
    BUREAU_FILE = "bureau_file"


class SigningKeys:
    """Signs under the current seed, of which the vault gives out nothing but one purpose's key, for one call."""

    def __init__(self, access: KeyAccess) -> None:
        self._access = access

    def sign(self, purpose: SignPurpose, data: bytes) -> bytes:
        """Ed25519 signature (RFC 8032), 64 bytes, over `data` as it is."""
        return self._pair(purpose).sign(data)

    def public_key(self, purpose: SignPurpose) -> bytes:
        """The 32 raw bytes a terminal or merchant verifies with."""
        return self._pair(purpose).public_key().public_bytes_raw()

    def _pair(self, purpose: SignPurpose) -> Ed25519PrivateKey:
        private = self._access.derive(
            Usage.SIGN, self._access.current(Usage.SIGN), b"citizencard signature " + purpose.encode()
        )
        return Ed25519PrivateKey.from_private_bytes(private)
