"""The key hierarchy: city master, issuer factor, card serial; each level's result is the next level's master.

Transport keys have one level only: the chip maker diversifies that master by chip serial and knows no issuer. Masters and
issuer level stay in the vault; what it enciphers here is the key of one chip, which lives for one call.
"""

from __future__ import annotations

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.keystore import Algorithm, Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.vault import diversification_block


class IssuerKeys:
    """Keys of chips, derived on demand."""

    def __init__(self, access: KeyAccess, issuer_factor8: bytes) -> None:
        self._access = access
        self._issuer_factor8 = issuer_factor8

    def card_key(self, usage: Usage, version: int, serial8: bytes, intent: Intent) -> bytes:
        """The 16-byte key of one chip; `serial8` is the right end of its application serial, for TRANSPORT the chip's."""
        return self.card_keys(usage, version, diversification_block(serial8), intent)

    def card_keys(self, usage: Usage, version: int, blocks: bytes, intent: Intent) -> bytes:
        """Keys of many chips in one operation of the vault: 16 bytes for each `diversification_block`."""
        self._require_3des(usage, version, intent)
        factor8 = None if usage is Usage.TRANSPORT else self._issuer_factor8
        return self._access.vault.encipher(usage, version, blocks, factor8=factor8)

    def issuer_key(self, usage: Usage, version: int, intent: Intent) -> bytes:
        """The issuer's own master, 16 bytes, as a SAM holds it: derived anew for the one command that writes it."""
        self._require_3des(usage, version, intent)
        return self._access.vault.encipher(usage, version, diversification_block(self._issuer_factor8))

    def _require_3des(self, usage: Usage, version: int, intent: Intent) -> None:
        if self._access.require(usage, version, intent) is not Algorithm.DES3:
            # The rules of the purse with SM4 (session keys, MAC, IV) are not public; nothing is guessed here.
            raise Refusal(
                Code.UNSUPPORTED, f"{usage} key version {version} is SM4, which cards here do not use"
            )
