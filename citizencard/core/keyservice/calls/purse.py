"""Calls about purses: purchase TACs in bulk, the load dialogue, load TACs."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from citizencard.core.keyservice.calls.base import BULK_BYTES, Calls
from citizencard.core.keyservice.protocol import TAC_RECORD, Opcode
from terminals.card.crypto import TransactionType

_TAC_CHUNK: Final = BULK_BYTES // TAC_RECORD * TAC_RECORD


class PurseCalls(Calls):
    """Money leaves a card only with its TAC and enters it only with MAC1 proved and MAC2 made here."""

    def verify_purchase_tacs(self, packed: bytes) -> bytes:
        """One byte per 35-byte record of `pack_tac_record`: 1 TAC right, 0 wrong or key version unknown."""
        pieces = (packed[at : at + _TAC_CHUNK] for at in range(0, len(packed), _TAC_CHUNK))
        return b"".join(self._channel.call(Opcode.VERIFY_PURCHASE_TACS, piece) for piece in pieces)

    def authorise_load(
        self,
        *,
        serial8: bytes,
        key_version: int,
        rand4: bytes,
        online_atc: int,
        balance_fen: int,
        amount_fen: int,
        terminal_no6: bytes,
        mac1: bytes,
        when: datetime,
        kind: TransactionType = TransactionType.LOAD,
    ) -> bytes:
        """MAC2 (4 bytes) for CREDIT FOR LOAD after the card's MAC1 proved right, else refusal `mac_invalid`.

        `online_atc` and `balance_fen` as INITIALIZE FOR LOAD answered them (counter before increment). `kind` is LOAD
        into the purse or ED_LOAD into the deposit.
        """
        return self._control(
            Opcode.AUTHORISE_LOAD,
            serial8=serial8,
            key_version=key_version,
            rand4=rand4,
            online_atc=online_atc,
            balance_fen=balance_fen,
            amount_fen=amount_fen,
            terminal_no6=terminal_no6,
            mac1=mac1,
            when=when,
            kind=int(kind),
        )

    def verify_load_tac(
        self,
        *,
        serial8: bytes,
        key_version: int,
        balance_after_fen: int,
        online_atc: int,
        amount_fen: int,
        terminal_no6: bytes,
        when: datetime,
        tac: bytes,
        kind: TransactionType = TransactionType.LOAD,
    ) -> bool:
        """Whether the chip confirms the load; `online_atc` before increment, `when` the time sent with MAC2."""
        verdict = self._control(
            Opcode.VERIFY_LOAD_TAC,
            serial8=serial8,
            key_version=key_version,
            balance_after_fen=balance_after_fen,
            online_atc=online_atc,
            amount_fen=amount_fen,
            terminal_no6=terminal_no6,
            when=when,
            tac=tac,
            kind=int(kind),
        )
        return verdict == b"\x01"
