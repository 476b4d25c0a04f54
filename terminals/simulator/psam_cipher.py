"""Keys on loan: a SAM derives a card's key for one errand and works with it, without ever giving it out.

The usage byte of DELIVERY KEY is published for one case only (44: TAC, two levels). Here its top three bits count the
levels and its low five are the low half of the key's type byte, which agrees with that case. The purchase key checks
card messages and nothing else: enciphering with it would give away session keys.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from terminals.card.apdu import Command
from terminals.card.commands_sam import FACTOR, MAX_LEVELS, CipherMode
from terminals.card.crypto import BLOCK, decrypt_ecb, diversify_levels, encrypt_ecb, tac_key, xor
from terminals.card.keys import KeySlot
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_auth import card_code
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.psam_base import PsamEngine, factors_of

MAC_BYTES: Final = 4
USAGES: Final = {slot & 0x0F: slot for slot in KeySlot}
MAC_BIT: Final = CipherMode.MAC_LAST
MORE_BIT: Final = 0x02
IV_BIT: Final = 0x04


@dataclass(frozen=True, slots=True)
class Loan:
    """A derived key, from DELIVERY KEY until the next one, SELECT or reset."""

    slot: KeySlot
    version: int
    card_serial8: bytes
    key16: bytes = field(repr=False)


class CipherEngine(PsamEngine):
    """DELIVERY KEY, CIPHER DATA, and the check of a card message."""

    def drop_volatile(self) -> None:
        """No key on loan."""
        super().drop_volatile()
        self._loan: Loan | None = None

    def drop_pending(self) -> None:
        """A chain of MAC blocks ends as well."""
        super().drop_pending()
        self._chain = b""

    @command(0x80, 0x1A)
    def delivery_key(self, apdu: Command) -> bytes:
        """DELIVERY KEY: derive the card's key; factors come card serial first and are used in the other order."""
        self.check_usable()
        self._loan = None
        levels, slot = apdu.p1 >> 5, USAGES.get(apdu.p1 & 0x1F)
        if not 1 <= levels <= MAX_LEVELS or len(apdu.data) != levels * FACTOR:
            raise Refusal(Sw.WRONG_LENGTH)
        if slot is None or slot << 8 | apdu.p2 not in self.state.keys:
            raise Refusal(Sw.KEY_NOT_FOUND)
        key16 = diversify_levels(self.key(slot, apdu.p2), *factors_of(apdu.data))
        self._loan = Loan(slot, apdu.p2, apdu.data[:FACTOR], key16)
        return b""

    @command(0x80, 0xFA, keeps_pending=True)
    def cipher_data(self, apdu: Command) -> bytes:
        """CIPHER DATA: encrypt whole blocks, or make a MAC over data the terminal has padded, in one part or several."""
        self.check_usable()
        if apdu.p1 not in set(CipherMode) or apdu.p2:
            raise Refusal(Sw.WRONG_P1_P2)
        loan = self._loan
        if loan is None or loan.slot is KeySlot.PURCHASE:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if not apdu.data or len(apdu.data) % BLOCK:
            raise Refusal(Sw.WRONG_LENGTH)
        return self._mac(loan, apdu) if apdu.p1 & MAC_BIT else encrypt_ecb(loan.key16, apdu.data)

    def _mac(self, loan: Loan, apdu: Command) -> bytes:
        chain, self._chain = self._chain, b""
        data = apdu.data
        if apdu.p1 & IV_BIT:
            chain, data = data[:BLOCK], data[BLOCK:]
        if not chain:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if not data:
            raise Refusal(Sw.WRONG_LENGTH)
        single = tac_key(loan.key16) if loan.slot is KeySlot.TAC else loan.key16[:BLOCK]
        chain = cbc(single, data, chain)
        if apdu.p1 & MORE_BIT:
            self._chain = chain
            return b""
        if loan.slot is not KeySlot.TAC:
            chain = encrypt_ecb(single, decrypt_ecb(loan.key16[BLOCK:], chain))
        return chain[:MAC_BYTES]

    @command(0x80, 0xCA)
    def check_message(self, apdu: Command) -> bytes:
        """GET MESSAGE on a SAM: check a card's code under its purchase key, which DELIVERY KEY has derived before."""
        self.check_usable()
        if len(apdu.data) != 1 + BLOCK:
            raise Refusal(Sw.WRONG_LENGTH)
        loan = self._loan
        if loan is None or loan.slot is not KeySlot.PURCHASE:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        expected = bytes([loan.version]) + card_code(loan.key16, loan.card_serial8)
        if not hmac.compare_digest(expected, apdu.data):
            raise Refusal(Sw.PURSE_MAC_WRONG)
        return b""


def cbc(key8: bytes, data: bytes, initial_value: bytes) -> bytes:
    """The last block of a single-DES CBC encryption of whole blocks."""
    chain = initial_value
    for at in range(0, len(data), BLOCK):
        chain = encrypt_ecb(key8, xor(chain, data[at : at + BLOCK]))
    return chain
