"""PIN and life-cycle commands of the simulated card."""

from __future__ import annotations

import hmac
from typing import Final

from terminals.card.apdu import Command
from terminals.card.crypto import des_mac, xor
from terminals.card.keys import KeySlot
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_base import CardEngine
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.state import Phase

UNBLOCK_FAILURE_LIMIT: Final = 3
PIN_BYTES: Final = range(2, 7)


class PinEngine(CardEngine):
    """VERIFY, CHANGE PIN, RELOAD PIN, PIN UNBLOCK; blocking and unblocking of application and card."""

    @command(0x00, 0x20)
    def verify(self, apdu: Command) -> bytes:
        """VERIFY the PIN."""
        self._compare_pin(apdu.p2, apdu.data)
        self.pin_verified = True
        return b""

    @command(0x80, 0x5E)
    def change_pin(self, apdu: Command) -> bytes:
        """CHANGE PIN (P1 01: old | FF | new) or RELOAD PIN (P1 00: new | MAC4 under DRPK)."""
        if apdu.p1 == 0x01:
            old, separator, new = apdu.data.partition(b"\xff")
            if not separator or len(new) not in PIN_BYTES:
                raise Refusal(Sw.WRONG_DATA)
            self._compare_pin(apdu.p2, old)
        else:
            new, mac = apdu.data[:-4], apdu.data[-4:]
            key = self.key(KeySlot.PIN_RELOAD)
            if not hmac.compare_digest(mac, des_mac(xor(key[:8], key[8:]), new)):
                raise Refusal(Sw.MAC_WRONG)
            if len(new) not in PIN_BYTES:
                raise Refusal(Sw.WRONG_DATA)
        self.commit(pin=new, pin_tries=self.state.pin_limit)
        return b""

    def _compare_pin(self, reference: int, given: bytes) -> None:
        """Take the try off before comparing, so that pulling the card does not save it."""
        if not self.state.pin or reference != self.profile.pin_reference:
            raise Refusal(Sw.KEY_NOT_FOUND)
        if len(given) not in PIN_BYTES:
            raise Refusal(Sw.WRONG_LENGTH)
        tries = self.state.pin_tries
        if not tries:
            raise Refusal(Sw.AUTHENTICATION_BLOCKED)
        self.pin_verified = False
        self.commit(pin_tries=tries - 1)
        if not hmac.compare_digest(self.state.pin, given):
            raise Refusal(0x63C0 | (tries - 1) if tries > 1 else Sw.AUTHENTICATION_BLOCKED)
        self.commit(pin_tries=self.state.pin_limit)

    @command(0x84, 0x24)
    def unblock_pin(self, apdu: Command) -> bytes:
        """PIN UNBLOCK: the PIN, encrypted and MACed under DPUK; tries are restored."""
        given = self.decrypted(self.key(KeySlot.PIN_UNBLOCK), apdu.data)
        if not hmac.compare_digest(self.state.pin, given):
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        self.commit(pin_tries=self.state.pin_limit)
        return b""

    @command(0x84, 0x1E)
    def block_application(self, apdu: Command) -> bytes:
        """APPLICATION BLOCK; P2 01 for good."""
        if apdu.p2 > 1:
            raise Refusal(Sw.WRONG_P1_P2)
        self._check_alive()
        self.commit(phase=Phase.LOCKED if apdu.p2 else Phase.BLOCKED)
        return b""

    @command(0x84, 0x18)
    def unblock_application(self, apdu: Command) -> bytes:
        """APPLICATION UNBLOCK after a temporary block."""
        del apdu
        self._check_alive()
        self.commit(phase=Phase.ACTIVE, mac_failures=0)
        return b""

    @command(0x84, 0x16)
    def block_card(self, apdu: Command) -> bytes:
        """CARD BLOCK: nothing is answered ever after."""
        del apdu
        self.commit(phase=Phase.DEAD)
        return b""

    def _check_alive(self) -> None:
        if self.state.phase is Phase.LOCKED:
            raise Refusal(Sw.PERMANENTLY_LOCKED)
        if self.state.phase is Phase.BLANK:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)

    def maintenance_key(self, apdu: Command) -> bytes:
        """PIN UNBLOCK has a key of its own."""
        return self.key(KeySlot.PIN_UNBLOCK) if apdu.ins == 0x24 else super().maintenance_key(apdu)

    def mac_failed(self, apdu: Command) -> None:
        """Three wrong MACs of APPLICATION UNBLOCK lock the application for good."""
        if apdu.ins != 0x18:
            return
        failures = self.state.mac_failures + 1
        locked = failures >= UNBLOCK_FAILURE_LIMIT
        self.commit(mac_failures=failures, phase=Phase.LOCKED if locked else self.state.phase)
        if locked:
            raise Refusal(Sw.PERMANENTLY_LOCKED)
