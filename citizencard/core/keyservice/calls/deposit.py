"""Calls about the electronic deposit: taking value out of it (unload), and its overdraft limit (JR/T 0025.2).

The card's answers to INITIALIZE as they came: counter before increment, balance in fen. `when` is the host's time, as
sent to the card with MAC2.
"""

from __future__ import annotations

from datetime import datetime

from citizencard.core.keyservice.calls.base import Calls
from citizencard.core.keyservice.protocol import Opcode


class DepositCalls(Calls):
    """Every answer about money proves card to host and host to card."""

    def authorise_unload(
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
    ) -> bytes:
        """MAC2 (4 bytes) for DEBIT FOR UNLOAD after the card's MAC1 proved right, else refusal `mac_invalid`."""
        return self._control(
            Opcode.AUTHORISE_UNLOAD,
            serial8=serial8,
            key_version=key_version,
            rand4=rand4,
            online_atc=online_atc,
            balance_fen=balance_fen,
            amount_fen=amount_fen,
            terminal_no6=terminal_no6,
            mac1=mac1,
            when=when,
        )

    def verify_unload_mac3(
        self,
        *,
        serial8: bytes,
        key_version: int,
        rand4: bytes,
        online_atc: int,
        balance_after_fen: int,
        amount_fen: int,
        terminal_no6: bytes,
        when: datetime,
        mac3: bytes,
    ) -> bool:
        """Whether the chip confirms that the amount has left it: pay out only then."""
        verdict = self._control(
            Opcode.VERIFY_UNLOAD_MAC3,
            serial8=serial8,
            key_version=key_version,
            rand4=rand4,
            online_atc=online_atc,
            balance_after_fen=balance_after_fen,
            amount_fen=amount_fen,
            terminal_no6=terminal_no6,
            when=when,
            mac3=mac3,
        )
        return verdict == b"\x01"

    def authorise_overdraft(
        self,
        *,
        serial8: bytes,
        key_version: int,
        rand4: bytes,
        online_atc: int,
        balance_fen: int,
        old_limit_fen: int,
        new_limit_fen: int,
        terminal_no6: bytes,
        mac1: bytes,
        when: datetime,
    ) -> bytes:
        """MAC2 (4 bytes) for UPDATE OVERDRAW LIMIT after the card's MAC1 proved right, else refusal `mac_invalid`."""
        return self._control(
            Opcode.AUTHORISE_OVERDRAFT,
            serial8=serial8,
            key_version=key_version,
            rand4=rand4,
            online_atc=online_atc,
            balance_fen=balance_fen,
            old_limit_fen=old_limit_fen,
            new_limit_fen=new_limit_fen,
            terminal_no6=terminal_no6,
            mac1=mac1,
            when=when,
        )

    def verify_overdraft_tac(
        self,
        *,
        serial8: bytes,
        key_version: int,
        balance_after_fen: int,
        online_atc: int,
        new_limit_fen: int,
        terminal_no6: bytes,
        when: datetime,
        tac: bytes,
    ) -> bool:
        """Whether the chip confirms its new limit; `balance_after_fen` is the balance plus the limit's change."""
        verdict = self._control(
            Opcode.VERIFY_OVERDRAFT_TAC,
            serial8=serial8,
            key_version=key_version,
            balance_after_fen=balance_after_fen,
            online_atc=online_atc,
            new_limit_fen=new_limit_fen,
            terminal_no6=terminal_no6,
            when=when,
            tac=tac,
        )
        return verdict == b"\x01"
