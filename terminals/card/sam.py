"""A session with a PSAM, the module that holds the purchase key inside a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from terminals.card import commands, commands_sam
from terminals.card.apdu import error_for
from terminals.card.commands_sam import CipherMode
from terminals.card.crypto import ZERO_IV, pad80
from terminals.card.files import EF15, EF16, EF17, MASTER_FILE
from terminals.card.layout import Layout
from terminals.card.messages import PurchaseInit, SamDebit, SamInitData
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.card.status import StatusWord
from terminals.card.suites import MAC_BYTES
from terminals.card.transport import ResponseChain, Transport, exchange, read

PURSE_DF: Final = 0xDF01
PURSE_DIRECTORIES: Final = (
    commands.select_file(PURSE_DF),
    commands.select_file(0x1001),
    commands.select_file(0x3F01),
    commands.select_name("建设部".encode("gbk")),
)
"""Where the issuers of SAMs keep the purse; this project's own comes first."""
PART: Final = 240
"""Bytes of one CIPHER DATA: whole blocks, and any module takes them."""

__all__ = ["PURSE_DF", "SamDebit", "SamIdentity", "SamSession"]

File = TypeVar("File", bound=Layout)


@dataclass(frozen=True, slots=True)
class SamIdentity:
    """Who a PSAM is: serial of twenty digits, the terminal number, issuer and validity."""

    serial: str
    terminal_no: bytes
    management: SamManagement


class SamSession:
    """One PSAM. `open` first; it selects the purse DF and tells who the module is."""

    def __init__(self, transport: Transport) -> None:
        """Use a connected transport; nothing is sent yet."""
        self._transport = ResponseChain(transport)

    def open(self) -> SamIdentity:
        """Read EF15 and EF16 under the MF, then select the purse DF, wherever it is, and read its EF17."""
        exchange(self._transport, commands.select_file(MASTER_FILE))
        info = self._read(EF15, SamInfo)
        terminal = self._read(EF16, SamTerminal)
        self._select_purse()
        return SamIdentity(info.serial, terminal.terminal_no, self._read(EF17, SamManagement))

    def init_for_purchase(
        self,
        init: PurchaseInit,
        *,
        amount_fen: int,
        kind: int,
        when: datetime,
        card_serial8: bytes,
        factors: Sequence[bytes] = (),
    ) -> SamDebit:
        """INIT SAM FOR PURCHASE: sequence number and MAC1 for the card's DEBIT.

        `kind` is the transaction type byte; `factors` are further 8-byte diversification factors (issuer, then city)
        where the module's master key stands above the issuer's level.
        """
        data = SamInitData(
            init.rand, init.offline_atc, amount_fen, kind, when, init.key_version, init.algorithm
        )
        command = commands_sam.init_sam_for_purchase(data, [card_serial8, *factors])
        return SamDebit.parse(exchange(self._transport, command))

    def credit(self, mac2: bytes) -> None:
        """CREDIT SAM FOR PURCHASE: the module checks the card's MAC2; MacRejected means a false card."""
        exchange(self._transport, commands_sam.credit_sam_for_purchase(mac2))

    def check_message(self, code9: bytes) -> None:
        """Check a city card's authentication code (`PurseSession.message`); ApduError when it is false."""
        exchange(self._transport, commands_sam.check_message(code9))

    def delivery_key(self, usage: int, version: int, factors: Sequence[bytes]) -> None:
        """DELIVERY KEY: make the card key of these factors (card serial first) ready for the cipher calls below."""
        exchange(self._transport, commands_sam.delivery_key(usage, version, factors))

    def encrypt(self, data: bytes) -> bytes:
        """CIPHER DATA: whole blocks enciphered under the delivered key."""
        command = commands_sam.cipher_data(CipherMode.ENCRYPT, data, len(data))
        return exchange(self._transport, command)

    def mac(self, data: bytes, initial_value: bytes = ZERO_IV) -> bytes:
        """CIPHER DATA: MAC4 under the delivered key, of data as it stands before padding; long data goes in parts.

        For TAC_USAGE this is the TAC of `crypto.purchase_tac_input`, so a SAM can check what a card answered.
        """
        rest = initial_value + pad80(data)
        mode = CipherMode.MAC_FIRST
        while len(rest) > PART:
            exchange(self._transport, commands_sam.cipher_data(mode, rest[:PART], None))
            rest, mode = rest[PART:], CipherMode.MAC_NEXT
        mode = CipherMode.MAC_ONLY if mode is CipherMode.MAC_FIRST else CipherMode.MAC_LAST
        return exchange(self._transport, commands_sam.cipher_data(mode, rest, MAC_BYTES))

    def application_unblock(self) -> None:
        """APPLICATION UNBLOCK without MAC, where a module takes it; else use `MaintenanceSession`."""
        exchange(self._transport, commands_sam.application_unblock())

    def _select_purse(self) -> None:
        for directory in PURSE_DIRECTORIES:
            _, sw = self._transport.transmit(directory.to_bytes())
            if sw == StatusWord.OK:
                return
            if sw != StatusWord.FILE_NOT_FOUND:
                break
        raise error_for(directory, sw)

    def _read(self, sfi: int, layout: type[File]) -> File:
        return layout.parse(read(self._transport, commands.read_binary(sfi, layout.length())))
