"""Calls about purses: purchase TACs in bulk, the load dialogue, load TACs."""

from __future__ import annotations

from typing import Final, Unpack

from citizencard.core.keyservice.calls.base import BULK_BYTES, Calls
from citizencard.core.keyservice.calls.dialogue import LoadBegun, LoadDone
from citizencard.core.keyservice.protocol import TAC_RECORD, Opcode
from terminals.card.crypto import TransactionType

_TAC_CHUNK: Final = BULK_BYTES // TAC_RECORD * TAC_RECORD


class PurseCalls(Calls):
    """Money leaves a card only with its TAC and enters it only with MAC1 proved and MAC2 made here."""

    def verify_purchase_tacs(self, packed: bytes) -> bytes:
        """One byte per 35-byte record of `pack_tac_record`: 1 TAC right, 0 wrong or key version unknown,
        2 not checked, for this key version may not be used now.
        """
        pieces = (packed[at : at + _TAC_CHUNK] for at in range(0, len(packed), _TAC_CHUNK))
        return b"".join(self._channel.call(Opcode.VERIFY_PURCHASE_TACS, piece) for piece in pieces)

    def authorise_load(self, **begun: Unpack[LoadBegun]) -> bytes:
        """MAC2 (4 bytes) for CREDIT FOR LOAD after the card's MAC1 proved right, else refusal `mac_invalid`."""
        return self._control(Opcode.AUTHORISE_LOAD, **{"kind": TransactionType.LOAD, **begun})

    def verify_load_tac(self, **done: Unpack[LoadDone]) -> bool:
        """Whether the chip confirms the load."""
        return self._verdict(Opcode.VERIFY_LOAD_TAC, **{"kind": TransactionType.LOAD, **done})
