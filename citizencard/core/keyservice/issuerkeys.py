"""The key hierarchy: city master, issuer factor, card serial; each level's result is the next level's master.

Transport keys have one level only: the chip maker diversifies that master by chip serial and knows no issuer.
"""

from __future__ import annotations

from citizencard.core.keyservice.keystore import CHIP_USAGES, KeyStore, Usage
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card.crypto import diversify


class IssuerKeys:
    """Chip masters at the issuer's level, derived once at start (a SAM holds the same level)."""

    def __init__(self, store: KeyStore) -> None:
        self._keys = {
            (usage, version): master if usage is Usage.TRANSPORT else diversify(master, store.issuer_factor8)
            for (usage, version), master in store.masters.items()
            if usage in CHIP_USAGES
        }

    def find(self, usage: Usage, version: int) -> bytes | None:
        """The issuer-level key, or None when this version is not held."""
        return self._keys.get((usage, version))

    def issuer_key(self, usage: Usage, version: int) -> bytes:
        """The issuer-level key; `Refusal` unknown_key when this version is not held."""
        key = self.find(usage, version)
        if key is None:
            raise Refusal(Code.UNKNOWN_KEY, f"no {usage} key of version {version}")
        return key

    def card_key(self, usage: Usage, version: int, serial8: bytes) -> bytes:
        """The 16-byte key of one chip; `serial8` is the right end of its application serial, for TRANSPORT the chip's."""
        return diversify(self.issuer_key(usage, version), serial8)
