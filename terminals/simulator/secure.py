"""Secure messaging and key storage of a simulated chip."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import Final

from terminals.card.apdu import Command
from terminals.card.crypto import decrypt_ecb, secure_messaging_mac
from terminals.card.errors import FormatError
from terminals.card.keys import KeyRecord, KeySlot, without_length
from terminals.card.status import StatusWord as Sw
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.engine import Engine, S
from terminals.simulator.state import Phase

MAC_BYTES: Final = 4


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
        if not hmac.compare_digest(mac, secure_messaging_mac(key, header5, body, challenge)):
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
            return without_length(decrypt_ecb(key16, body))
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

    @command(0x84, 0x44)
    def activate(self, apdu: Command) -> bytes:
        """ACTIVATE FILE (ISO/IEC 7816-9): end of personalisation. The transport key is erased."""
        del apdu
        self.blank_only()
        if not self.complete():
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        self.commit(phase=Phase.ACTIVE, transport_key=b"")
        return b""

    def complete(self) -> bool:
        """Whether all keys and files a working chip needs are there."""
        raise NotImplementedError
