"""The key hierarchy: city master, issuer factor, card serial; each level's result is the next level's master.

Transport keys have one level only: the chip maker diversifies that master by chip serial and knows no issuer. Masters and
issuer level stay in the vault; what it enciphers here is the key of one chip, which lives for one call.
"""

from __future__ import annotations

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.keystore import SUITES, Algorithm, Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.vault import diversification_block
from terminals.card.suites import Suite


class IssuerKeys:
    """Keys of chips, derived on demand; `serial8` is the right end of the application serial, for TRANSPORT the chip's."""

    def __init__(self, access: KeyAccess, issuer_factor8: bytes) -> None:
        self._access = access
        self._issuer_factor8 = issuer_factor8

    def card_key(self, usage: Usage, version: int, serial8: bytes, intent: Intent) -> bytes:
        """The 16-byte 3DES key of one chip, for what is defined with 3DES only: the purse."""
        return self.card_keys(usage, version, diversification_block(serial8), intent)

    def card_keys(self, usage: Usage, version: int, blocks: bytes, intent: Intent) -> bytes:
        """3DES keys of many chips in one operation of the vault: 16 bytes for each `diversification_block`."""
        if self._access.require(usage, version, intent) is not Algorithm.DES3:
            # Session keys, MACs and TACs of the purse with SM4 are not public; nothing is guessed here.
            raise Refusal(Code.UNSUPPORTED, f"{usage} key version {version} is no 3DES key: not for a purse")
        return self._enciphered(usage, version, blocks)

    def suited_key(self, usage: Usage, version: int, serial8: bytes, intent: Intent) -> tuple[bytes, Suite]:
        """The 16-byte key of one chip and the cipher suite it belongs to."""
        suite = SUITES[self._access.require(usage, version, intent)]
        return self._enciphered(usage, version, diversification_block(serial8)), suite

    def suited_issuer_key(self, usage: Usage, version: int, intent: Intent) -> tuple[bytes, Suite]:
        """The issuer's own master, as a SAM holds it: derived anew for the one command that writes it."""
        suite = SUITES[self._access.require(usage, version, intent)]
        block = diversification_block(self._issuer_factor8)
        return self._access.vault.encipher(usage, version, block), suite

    def _enciphered(self, usage: Usage, version: int, blocks: bytes) -> bytes:
        factor8 = None if usage is Usage.TRANSPORT else self._issuer_factor8
        return self._access.vault.encipher(usage, version, blocks, factor8=factor8)
