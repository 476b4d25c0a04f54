"""Personalise a blank card or SAM: write keys and files under its transport key, read back, activate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from terminals.card import commands
from terminals.card.apdu import Command
from terminals.card.errors import PersonalisationError
from terminals.card.files import (
    CHIP_SERIAL_EF,
    EF02,
    EF15,
    EF16,
    EF17,
    MASTER_FILE,
    HolderInfo,
    ManagementInfo,
    PublicInfo,
    PurseStart,
)
from terminals.card.keys import CARD_SLOTS, INSTALL, PIN_TYPE, SAM_SLOTS, KeySlot
from terminals.card.profile import T_UNION, CardProfile
from terminals.card.purse import pin_block
from terminals.card.sam import PURSE_DF
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.card.transport import ResponseChain, Transport, exchange

CHALLENGE_BYTES: Final = 8
PIN_TRIES: Final = 3
EMPTY_PURSE: Final = PurseStart()


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


@dataclass(frozen=True, slots=True)
class CardSpec:
    """What a card shall become. The PIN has 4 to 12 digits; `purse` is normally empty."""

    public_info: PublicInfo
    management: ManagementInfo
    holder: HolderInfo
    pin: str = field(repr=False)
    key_version: int = 1
    purse: PurseStart = EMPTY_PURSE
    profile: CardProfile = T_UNION


@dataclass(frozen=True, slots=True)
class SamSpec:
    """What a SAM shall become. It takes cards of every purchase key version named."""

    info: SamInfo
    terminal: SamTerminal
    management: SamManagement
    purchase_versions: Sequence[int] = (1,)
    maintenance_version: int = 1


def chip_serial(transport: Transport) -> bytes:
    """The chip maker's serial, 8 bytes: EF05 of the MF, free to read on blank and issued chips."""
    exchange(transport, commands.select_file(MASTER_FILE))
    return exchange(transport, commands.read_binary(CHIP_SERIAL_EF, 8))


def personalise(transport: Transport, spec: CardSpec, writer: KeyWriter) -> bytes:
    """Turn a blank card into an active one; returns the chip serial.

    Raises PersonalisationError when a file reads back differently, ApduError when the chip refuses (MacRejected: it is
    not blank any more, or its transport key is another maker's). A script broken off leaves the card blank: it can be run again from the start.
    """
    script = _Script(ResponseChain(transport), writer)
    script.select(commands.select_name(spec.profile.aid))
    script.write_file(EF02, spec.purse.to_bytes(), read_back=False)
    script.write_file(EF15, spec.public_info.to_bytes())
    script.write_file(EF16, spec.holder.to_bytes())
    script.write_file(EF17, spec.management.to_bytes())
    pin = bytes([PIN_TYPE, spec.profile.pin_reference, PIN_TRIES]) + pin_block(spec.pin)
    script.send(bytes([0x84, 0xD4, INSTALL, PIN_TYPE]), pin, encrypt=True)
    for slot in CARD_SLOTS:
        script.write_key(slot, spec.key_version, spec.public_info.serial8)
    script.activate()
    return script.chip_serial8


def personalise_sam(transport: Transport, spec: SamSpec, writer: KeyWriter) -> bytes:
    """Turn a blank SAM into an active one; returns the chip serial. Errors as `personalise`."""
    script = _Script(ResponseChain(transport), writer)
    script.select(commands.select_file(MASTER_FILE))
    script.write_file(EF15, spec.info.to_bytes())
    script.write_file(EF16, spec.terminal.to_bytes())
    script.select(commands.select_file(PURSE_DF))
    script.write_file(EF17, spec.management.to_bytes())
    versions = {KeySlot.PURCHASE: spec.purchase_versions, KeySlot.MAINTENANCE: (spec.maintenance_version,)}
    for slot in SAM_SLOTS:
        for version in versions[slot]:
            script.write_key(slot, version, None)
    script.activate()
    return script.chip_serial8


class _Script:
    """The steps, each with a fresh challenge of the chip."""

    def __init__(self, transport: Transport, writer: KeyWriter) -> None:
        self._transport = transport
        self._writer = writer
        self.chip_serial8 = chip_serial(transport)

    def select(self, command: Command) -> None:
        """Enter the directory the next steps write to."""
        exchange(self._transport, command)

    def write_key(self, slot: KeySlot, version: int, card_serial8: bytes | None) -> None:
        """WRITE KEY, made by the key writer."""
        apdu = self._writer.write_key_command(
            chip_serial8=self.chip_serial8,
            slot=slot,
            version=version,
            card_serial8=card_serial8,
            challenge=self._challenge(),
        )
        exchange(self._transport, Command.parse(apdu))

    def write_file(self, sfi: int, content: bytes, *, read_back: bool = True) -> None:
        """UPDATE BINARY with MAC, then compare."""
        self.send(bytes([0x04, 0xD6, 0x80 | sfi, 0x00]), content)
        if read_back and exchange(self._transport, commands.read_binary(sfi, len(content))) != content:
            raise PersonalisationError(f"EF{sfi:02X} reads back differently from what was written")

    def activate(self) -> None:
        """ACTIVATE FILE: the chip forgets its transport key."""
        self.send(bytes([0x84, 0x44, 0x00, 0x00]), b"")

    def send(self, header: bytes, data: bytes, *, encrypt: bool = False) -> None:
        """Any other command under the transport key."""
        apdu = self._writer.mac_command(
            chip_serial8=self.chip_serial8,
            header=header,
            data=data,
            challenge=self._challenge(),
            encrypt=encrypt,
        )
        exchange(self._transport, Command.parse(apdu))

    def _challenge(self) -> bytes:
        return exchange(self._transport, commands.get_challenge(CHALLENGE_BYTES))
