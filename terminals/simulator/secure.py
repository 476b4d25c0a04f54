"""Secure messaging and key storage of a simulated chip."""

from __future__ import annotations

import hmac
from dataclasses import MISSING, fields, replace
from typing import Final

from terminals.card.apdu import Command
from terminals.card.chipdata import KEY_INFORMATION, LIFE_CYCLE, KeyEntry, LifeCycle, key_information
from terminals.card.errors import FormatError
from terminals.card.keys import KeyRecord, KeySlot
from terminals.card.status import StatusWord as Sw
from terminals.card.suites import MAC_BYTES, TRIPLE_DES
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.engine import Engine, S
from terminals.simulator.state import Phase

LIFE_CYCLES: Final = {
    Phase.BLANK: LifeCycle.INITIALISATION,
    Phase.ACTIVE: LifeCycle.ACTIVATED,
    Phase.BLOCKED: LifeCycle.DEACTIVATED,
    Phase.LOCKED: LifeCycle.TERMINATED,
}


class SecureEngine(Engine[S]):
    """An engine that opens maintenance commands: under the transport key until ACTIVATE, under DAMK after."""

    def unwrap(self, apdu: Command, challenge: bytes) -> Command:
        """Check and strip the MAC of a maintenance command."""
        if not challenge:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if len(apdu.data) < MAC_BYTES:
            raise Refusal(Sw.MAC_MISSING)
        body, mac = apdu.data[:-MAC_BYTES], apdu.data[-MAC_BYTES:]
        header5 = apdu.header + bytes([len(apdu.data)])
        key = self.maintenance_key(apdu)
        if not hmac.compare_digest(mac, TRIPLE_DES.mac(key, header5 + body, challenge)):
            self.mac_failed(apdu)
            raise Refusal(Sw.MAC_WRONG)
        return replace(apdu, data=body)

    def maintenance_key(self, apdu: Command) -> bytes:
        """The key a maintenance command is under: the transport key until activation, DAMK after."""
        del apdu
        return self.state.transport_key if self.state.phase is Phase.BLANK else self.key(KeySlot.MAINTENANCE)

    def mac_failed(self, apdu: Command) -> None:
        """Hook: what a wrong MAC of a maintenance command leads to besides 6988."""

    def decrypted(self, key16: bytes, body: bytes) -> bytes:
        """The clear data of an encrypted maintenance command."""
        if not body or len(body) % 8:
            raise Refusal(Sw.WRONG_DATA)
        try:
            return TRIPLE_DES.without_length(TRIPLE_DES.decrypt_ecb(key16, body))
        except FormatError as error:
            raise Refusal(Sw.WRONG_DATA) from error

    def key(self, slot: KeySlot, version: int | None = None) -> bytes:
        """A key by slot and version (None: the newest); refuses with 9403 when it is not there."""
        versions = [place & 0xFF for place in self.state.keys if place >> 8 == slot]
        chosen = max(versions, default=0) if version is None else version
        try:
            return self.state.keys[slot << 8 | chosen]
        except KeyError:
            raise Refusal(Sw.KEY_INDEX_UNSUPPORTED) from None

    def key_version(self, slot: KeySlot) -> int:
        """Version of the newest key of a slot, 0 when there is none."""
        return max((place & 0xFF for place in self.state.keys if place >> 8 == slot), default=0)

    def blank_only(self) -> None:
        """Refuse what only a chip under personalisation takes."""
        if self.state.phase is not Phase.BLANK:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)

    @command(0x84, 0xD4)
    def write_key(self, apdu: Command) -> bytes:
        """WRITE KEY: install a key, encrypted and MACed under the transport key."""
        self.blank_only()
        record = self.decrypted(self.state.transport_key, apdu.data)
        if not record or record[0] != apdu.p2:
            raise Refusal(Sw.WRONG_DATA)
        self.install(record)
        return b""

    def install(self, record: bytes) -> None:
        """Take a clear key record into the EEPROM."""
        try:
            key = KeyRecord.parse(record)
        except FormatError as error:
            raise Refusal(Sw.WRONG_DATA) from error
        self.commit(keys=self.state.keys | {key.slot << 8 | key.version: key.key16})

    @command(0x00, 0xCA)
    def get_data(self, apdu: Command) -> bytes:
        """GET DATA: the keys present with their check values, or the life-cycle state; free to read."""
        tag = apdu.p1 << 8 | apdu.p2
        if tag == KEY_INFORMATION:
            return key_information(self.key_entries())
        if tag == LIFE_CYCLE:
            return bytes([LIFE_CYCLES[self.state.phase]])
        raise Refusal(Sw.KEY_NOT_FOUND)

    def key_entries(self) -> list[KeyEntry]:
        """The keys that key information lists."""
        return [
            KeyEntry(place >> 8, place & 0xFF, TRIPLE_DES.kcv(key))
            for place, key in sorted(self.state.keys.items())
        ]

    @command(0x84, 0x0E)
    def erase(self, apdu: Command) -> bytes:
        """ERASE: a chip under personalisation forgets all that was written, but not its serial and transport key."""
        del apdu
        self.blank_only()
        places = fields(self.state)
        made_with = [p.name for p in places if p.default is MISSING and p.default_factory is MISSING]
        fresh = type(self.state)(**{name: getattr(self.state, name) for name in made_with})
        self.commit(**vars(fresh))
        return b""

    @command(0x84, 0x44)
    def activate(self, apdu: Command) -> bytes:
        """ACTIVATE FILE (ISO/IEC 7816-9): end of personalisation. The transport key is erased."""
        del apdu
        self.blank_only()
        if not self.complete():
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        self.commit(phase=Phase.ACTIVE, transport_key=b"")
        return b""

    def internal_authenticate(self, apdu: Command) -> bytes:
        """Hook: INTERNAL AUTHENTICATE outside the electronic identity."""
        raise Refusal(Sw.UNKNOWN_INS)

    def complete(self) -> bool:
        """Whether all keys and files a working chip needs are there."""
        raise NotImplementedError
