"""The simulated card shows that it is genuine, and makes the issuer show the same: authentication by shared keys.

Each way has a key of its own, so that no answer of a card can serve as the issuer's answer to a card.
"""

from __future__ import annotations

import hmac
from typing import Final

from terminals.card.apdu import Command
from terminals.card.commands import AuthenticateMode
from terminals.card.crypto import decrypt_ecb, encrypt_ecb, retail_mac
from terminals.card.files import EF15, PublicInfo
from terminals.card.keys import KeySlot
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_base import PURSE_DF, CardEngine
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.state import CONTROL_TRIES, Phase

BLOCK: Final = 8
KEY_IDS: Final = (0x00, 0x01)
"""Key identifiers that mean the one key of the command: its index, or none given."""


class AuthEngine(CardEngine):
    """INTERNAL AUTHENTICATE, EXTERNAL AUTHENTICATE, GET MESSAGE."""

    @command(0x00, 0x88)
    def internal_authenticate(self, apdu: Command) -> bytes:
        """INTERNAL AUTHENTICATE: P1 00 encrypts the challenge, 01 decrypts it, 02 makes a MAC over it.

        A blocked application vouches for nobody.
        """
        key = self._key_for(KeySlot.IDENTITY, apdu)
        if self.state.phase is not Phase.ACTIVE:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if len(apdu.data) != BLOCK:
            raise Refusal(Sw.WRONG_LENGTH)
        if apdu.le not in (None, 0, BLOCK):
            raise Refusal(0x6C00 | BLOCK)
        match apdu.p1:
            case AuthenticateMode.ENCRYPT:
                return encrypt_ecb(key, apdu.data)
            case AuthenticateMode.DECRYPT:
                return decrypt_ecb(key, apdu.data)
            case AuthenticateMode.MAC:
                return retail_mac(key, apdu.data, length=BLOCK)
        raise Refusal(Sw.WRONG_P1_P2)

    @command(0x00, 0x82)
    def external_authenticate(self, apdu: Command) -> bytes:
        """EXTERNAL AUTHENTICATE: the card's challenge enciphered. Opens plain writing until the next reset or SELECT.

        Three wrong answers in a row lock the key for good.
        """
        challenge = self.challenge.ljust(BLOCK, b"\x00") if self.challenge else b""
        key = self._key_for(KeySlot.CONTROL, apdu)
        if not challenge:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if len(apdu.data) != BLOCK:
            raise Refusal(Sw.WRONG_LENGTH)
        tries = self.state.control_tries
        if not tries:
            raise Refusal(Sw.AUTHENTICATION_BLOCKED)
        self.authenticated = False
        self.commit(control_tries=tries - 1)
        if not hmac.compare_digest(encrypt_ecb(key, challenge), apdu.data):
            raise Refusal(0x63C0 | (tries - 1) if tries > 1 else Sw.AUTHENTICATION_BLOCKED)
        self.commit(control_tries=CONTROL_TRIES)
        self.authenticated = True
        return b""

    @command(0x80, 0xCA)
    def get_message(self, apdu: Command) -> bytes:
        """GET MESSAGE of city cards: key version1 | code8, by which a SAM knows a genuine card before it pays.

        What the code is made of is not public; here it is the retail MAC of the card serial under the purchase key.
        """
        if apdu.p1 or apdu.p2:
            raise Refusal(Sw.WRONG_P1_P2)
        if self.directory != PURSE_DF or self.state.phase is not Phase.ACTIVE:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        serial8 = PublicInfo.parse(self.state.files[EF15]).serial8
        return bytes([self.key_version(KeySlot.PURCHASE)]) + card_code(self.key(KeySlot.PURCHASE), serial8)

    def _key_for(self, slot: KeySlot, apdu: Command) -> bytes:
        if self.directory != PURSE_DF or not self.key_version(slot) or apdu.p2 not in KEY_IDS:
            raise Refusal(Sw.KEY_NOT_FOUND)
        return self.key(slot)


def card_code(dpk16: bytes, card_serial8: bytes) -> bytes:
    """The eight bytes of GET MESSAGE after the key version."""
    return retail_mac(dpk16, card_serial8, length=BLOCK)
