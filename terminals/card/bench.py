"""A chip under personalisation, and who makes the commands it takes: no key is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from terminals.card import chipdata, commands
from terminals.card.apdu import Command
from terminals.card.files import CHIP_SERIAL_EF, MASTER_FILE
from terminals.card.keys import KeySlot
from terminals.card.transport import ResponseChain, Transport, exchange

CHALLENGE_BYTES: Final = 8
ACTIVATE_HEADER: Final = bytes.fromhex("84440000")
"""ACTIVATE FILE (ISO/IEC 7816-9)."""
ERASE_HEADER: Final = bytes.fromhex("840E0000")
"""ERASE: what the card operating systems of Chinese cards have for a chip that is not issued yet."""


class KeyWriter(Protocol):
    """Makes the secure-messaging commands of personalisation; the key service does, so that no key leaves it.

    The chip's transport key is diversify(transport master, chip serial8). All answers are whole APDUs.
    """

    def write_key_command(
        self,
        *,
        chip_serial8: bytes,
        slot: KeySlot,
        version: int,
        card_serial8: bytes | None,
        challenge: bytes,
    ) -> bytes:
        """WRITE KEY with the slot's key (see `keys.write_key_command`).

        The key is the master of that version, issuer level applied, diversified by `card_serial8`. For a SAM
        `card_serial8` is None: PURCHASE stays at the issuer's level.
        """

    def mac_command(
        self, *, chip_serial8: bytes, header: bytes, data: bytes, challenge: bytes, encrypt: bool = False
    ) -> bytes:
        """A command in secure messaging under the chip's transport key (see `keys.mac_command`)."""

    def key_check_values(
        self, *, chip_serial8: bytes, card_serial8: bytes | None, version: int, slots: Iterable[KeySlot]
    ) -> Mapping[KeySlot, bytes]:
        """Check values (3 bytes) of the keys `write_key_command` would write into these slots."""


class Bench:
    """One chip under personalisation, and who makes its commands."""

    def __init__(self, transport: Transport, writer: KeyWriter) -> None:
        """Read who the chip is."""
        self.transport = ResponseChain(transport)
        self._writer = writer
        self._directory: Command | None = None
        self.chip_serial8 = chip_serial(self.transport)
        self.refresh()

    def refresh(self) -> None:
        """Ask the chip for its state and keys."""
        self.life_cycle = chipdata.parse_life_cycle(self.ask(chipdata.get_data(chipdata.LIFE_CYCLE)))
        self.keys = chipdata.parse_key_information(self.ask(chipdata.get_data(chipdata.KEY_INFORMATION)))

    def ask(self, command: Command) -> bytes:
        """A command in clear; its answer."""
        return exchange(self.transport, command)

    def enter(self, directory: Command) -> None:
        """SELECT unless selected."""
        if directory != self._directory:
            self.ask(directory)
            self._directory = directory

    def leave(self) -> None:
        """Count on no selection any more."""
        self._directory = None

    def send(self, header: bytes, data: bytes = b"", *, encrypt: bool = False) -> bytes:
        """A command under the transport key; its answer."""
        apdu = self._writer.mac_command(
            chip_serial8=self.chip_serial8,
            header=header,
            data=data,
            challenge=self._challenge(),
            encrypt=encrypt,
        )
        return self.ask(Command.parse(apdu))

    def write_key(self, slot: KeySlot, version: int, card_serial8: bytes | None) -> None:
        """WRITE KEY, made by the key writer."""
        apdu = self._writer.write_key_command(
            chip_serial8=self.chip_serial8,
            slot=slot,
            version=version,
            card_serial8=card_serial8,
            challenge=self._challenge(),
        )
        self.ask(Command.parse(apdu))

    def activate(self) -> None:
        """End of personalisation: the chip forgets its transport key."""
        self.send(ACTIVATE_HEADER)
        self.refresh()

    def erase(self) -> None:
        """Forget what an earlier script left; impossible once the chip is active."""
        self.send(ERASE_HEADER)
        self.leave()
        self.refresh()

    def _challenge(self) -> bytes:
        return self.ask(commands.get_challenge(CHALLENGE_BYTES))


def chip_serial(transport: Transport) -> bytes:
    """The chip maker's serial, 8 bytes: EF05 of the MF, free to read on blank and issued chips."""
    exchange(transport, commands.select_file(MASTER_FILE))
    return exchange(transport, commands.read_binary(CHIP_SERIAL_EF, 8))
