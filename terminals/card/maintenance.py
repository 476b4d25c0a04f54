"""Maintenance of an issued chip: block, unblock, PIN, protected files. No key is here: an authority makes the MACs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Protocol

from terminals.card import commands, commands_maintenance
from terminals.card.apdu import Command
from terminals.card.pin import pin_block
from terminals.card.transport import ResponseChain, Transport, exchange

CHALLENGE_BYTES: Final = 8


class MaintenanceAuthority(Protocol):
    """Holds the keys of issued cards; the key service does, so that no key reaches a terminal."""

    def maintenance_command(
        self,
        *,
        card_serial8: bytes,
        version: int,
        header: bytes,
        data: bytes,
        challenge: bytes,
        encrypt: bool = False,
    ) -> bytes:
        """The whole APDU of a command (CLA INS P1 P2 and clear data), see `keys.maintenance_apdu`."""


class MaintenanceSession:
    """One chip whose application is selected. Raises `ApduError` when the chip refuses, MacRejected for another key.

    `serial8` is what the chip's keys are diversified by: the right end of a card's application serial, of a SAM its
    chip serial. `key_version` is the version of those keys.
    """

    def __init__(
        self,
        transport: Transport,
        authority: MaintenanceAuthority,
        *,
        serial8: bytes,
        key_version: int = 1,
        pin_reference: int = 0,
    ) -> None:
        self._transport = ResponseChain(transport)
        self._authority = authority
        self._serial8 = serial8
        self._key_version = key_version
        self._pin_reference = pin_reference

    def card_block(self) -> None:
        """CARD BLOCK: the chip answers nothing any more, for good."""
        self._send(commands_maintenance.card_block())

    def application_block(self, *, permanent: bool = False) -> None:
        """APPLICATION BLOCK; a permanent one cannot be taken back."""
        self._send(commands_maintenance.application_block(permanent=permanent))

    def application_unblock(self) -> None:
        """APPLICATION UNBLOCK; PermanentlyLocked when the chip has seen too many wrong MACs."""
        self._send(commands_maintenance.application_unblock())

    def pin_unblock(self, pin: str) -> None:
        """PIN UNBLOCK: give a locked PIN its tries back; the holder says the PIN the card holds."""
        self._send(commands_maintenance.pin_unblock(pin_block(pin), self._pin_reference), encrypt=True)

    def reload_pin(self, pin: str) -> None:
        """RELOAD PIN: set a new PIN and restore its tries, without the old one."""
        self._send(commands_maintenance.reload_pin(pin_block(pin), self._pin_reference), challenge=False)

    def read_binary(self, sfi: int, length: int, offset: int = 0) -> bytes:
        """READ BINARY with MAC; exactly `length` bytes."""
        return exchange(self._transport, self._made(commands_maintenance.read_binary(sfi, length, offset)))

    def update_binary(self, sfi: int, content: bytes, offset: int = 0) -> None:
        """UPDATE BINARY with MAC."""
        self._send(commands_maintenance.update_binary(sfi, content, offset))

    def update_record(self, sfi: int, number: int, record: bytes) -> None:
        """UPDATE RECORD with MAC, by number."""
        self._send(commands_maintenance.update_record(sfi, number, record))

    def append_record(self, sfi: int, record: bytes) -> None:
        """APPEND RECORD with MAC."""
        self._send(commands_maintenance.append_record(sfi, record))

    def external_authenticate(self, key_id: int) -> None:
        """EXTERNAL AUTHENTICATE: gain the rights of the card's control key; VerificationFailed costs a try."""
        self._send(commands_maintenance.external_authenticate(key_id))

    def _send(self, command: Command, *, encrypt: bool = False, challenge: bool = True) -> None:
        exchange(self._transport, self._made(command, encrypt=encrypt, challenge=challenge))

    def _made(self, command: Command, *, encrypt: bool = False, challenge: bool = True) -> Command:
        """The command as the authority makes it; Le is no part of the MAC and stays."""
        rand = exchange(self._transport, commands.get_challenge(CHALLENGE_BYTES)) if challenge else b""
        apdu = self._authority.maintenance_command(
            card_serial8=self._serial8,
            version=self._key_version,
            header=command.header,
            data=command.data,
            challenge=rand,
            encrypt=encrypt,
        )
        return replace(Command.parse(apdu), le=command.le)
