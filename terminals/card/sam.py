"""A session with a PSAM, the module that holds the purchase key inside a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar

from terminals.card import commands
from terminals.card.crypto import bcd_time
from terminals.card.files import EF15, EF16, EF17, MASTER_FILE
from terminals.card.layout import Layout, raw, uint
from terminals.card.purse import PurchaseInit
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.card.transport import ResponseChain, Transport, exchange

PURSE_DF: Final = 0xDF01

File = TypeVar("File", bound=Layout)


@dataclass(frozen=True, slots=True)
class SamDebit(Layout):
    """Answer to INIT SAM FOR PURCHASE: the terminal's sequence number and MAC1 for the card."""

    terminal_seq: Annotated[int, uint(4)]
    mac1: Annotated[bytes, raw(4)]


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
        """Read EF15 and EF16 under the MF, then select the purse DF and read its EF17."""
        exchange(self._transport, commands.select_file(MASTER_FILE))
        info = self._read(EF15, SamInfo)
        terminal = self._read(EF16, SamTerminal)
        exchange(self._transport, commands.select_file(PURSE_DF))
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
        data = (
            init.rand + init.offline_atc.to_bytes(2) + amount_fen.to_bytes(4) + bytes([kind]) + bcd_time(when)
        )
        data += bytes([init.key_version, init.algorithm]) + card_serial8 + b"".join(factors)
        return SamDebit.parse(exchange(self._transport, commands.init_sam_for_purchase(data)))

    def credit(self, mac2: bytes) -> None:
        """CREDIT SAM FOR PURCHASE: the module checks the card's MAC2; MacRejected means a false card."""
        exchange(self._transport, commands.credit_sam_for_purchase(mac2))

    def _read(self, sfi: int, layout: type[File]) -> File:
        return layout.parse(exchange(self._transport, commands.read_binary(sfi, layout.length())))
