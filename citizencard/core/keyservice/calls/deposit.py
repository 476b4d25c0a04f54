"""Calls about the electronic deposit: taking value out of it (unload), and its overdraft limit (JR/T 0025.2)."""

from __future__ import annotations

from typing import Unpack

from citizencard.core.keyservice.calls.base import Calls
from citizencard.core.keyservice.calls.dialogue import OverdraftBegun, OverdraftDone, UnloadBegun, UnloadDone
from citizencard.core.keyservice.protocol import Opcode


class DepositCalls(Calls):
    """Every answer about money proves card to host and host to card."""

    def authorise_unload(self, **begun: Unpack[UnloadBegun]) -> bytes:
        """MAC2 (4 bytes) for DEBIT FOR UNLOAD after the card's MAC1 proved right, else refusal `mac_invalid`."""
        return self._control(Opcode.AUTHORISE_UNLOAD, **begun)

    def verify_unload_mac3(self, **done: Unpack[UnloadDone]) -> bool:
        """Whether the chip confirms that the amount has left it: pay out only then."""
        return self._verdict(Opcode.VERIFY_UNLOAD_MAC3, **done)

    def authorise_overdraft(self, **begun: Unpack[OverdraftBegun]) -> bytes:
        """MAC2 (4 bytes) for UPDATE OVERDRAW LIMIT after the card's MAC1 proved right, else refusal `mac_invalid`."""
        return self._control(Opcode.AUTHORISE_OVERDRAFT, **begun)

    def verify_overdraft_tac(self, **done: Unpack[OverdraftDone]) -> bool:
        """Whether the chip confirms its new limit."""
        return self._verdict(Opcode.VERIFY_OVERDRAFT_TAC, **done)
