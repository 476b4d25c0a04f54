"""Second halves of the online transactions of the simulated card: load, unload, update of the overdraft limit.

All of them stand and fall with the host's MAC2 and count the purse's online counter.
"""

from __future__ import annotations

from dataclasses import replace

from terminals.card.apdu import Command
from terminals.card.crypto import (
    TransactionType,
    load_mac2,
    load_tac,
    overdraft_mac2,
    overdraft_tac,
    unload_mac3,
)
from terminals.card.keys import KeySlot
from terminals.card.messages import HostData, LimitData
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_purse import MAX_BALANCE_FEN, NO_TAC, PurseEngine
from terminals.simulator.dispatch import Refusal, command


class OnlineEngine(PurseEngine):
    """CREDIT FOR LOAD, DEBIT FOR UNLOAD, UPDATE OVERDRAW LIMIT."""

    @command(0x80, 0x52, answer=4, keeps_pending=True)
    def credit_for_load(self, apdu: Command) -> bytes:
        """CREDIT FOR LOAD: add the amount once the host's MAC2 is right; answers the TAC."""
        begun = self.take_pending(TransactionType.LOAD, TransactionType.ED_LOAD)
        data = self.parsed(HostData, apdu.data)
        kind, amount, terminal = begun.transaction.kind, begun.amount_fen, begun.terminal_no
        self.check_mac(load_mac2(self.online_session(begun), amount, kind, terminal, data.when), data.mac2)
        before = self.state.account(begun.transaction.purse)
        balance, atc = before.balance_fen + amount, before.online_atc
        tac = load_tac(self.key(KeySlot.TAC), balance, atc, amount, kind, terminal, data.when)
        self.finish(
            begun, data.when, replace(before, balance_fen=balance, online_atc=atc + 1), data.mac2, tac
        )
        return tac

    def debit_for_unload(self, apdu: Command) -> bytes:
        """DEBIT FOR UNLOAD (80 54 with P1 03): take the amount off the deposit; answers MAC3."""
        begun = self.take_pending(TransactionType.UNLOAD)
        data = self.parsed(HostData, apdu.data)
        session, amount, terminal = self.online_session(begun), begun.amount_fen, begun.terminal_no
        self.check_mac(load_mac2(session, amount, TransactionType.UNLOAD, terminal, data.when), data.mac2)
        before = self.state.account(begun.transaction.purse)
        balance, atc = before.balance_fen - amount, before.online_atc
        mac3 = unload_mac3(session, balance, atc, amount, terminal, data.when)
        self.finish(begun, data.when, replace(before, balance_fen=balance, online_atc=atc + 1), mac3, NO_TAC)
        return mac3

    @command(0x80, 0x58, answer=4, keeps_pending=True)
    def update_overdraft_limit(self, apdu: Command) -> bytes:
        """UPDATE OVERDRAW LIMIT: the balance moves with the limit it includes; answers the TAC.

        A limit smaller than what is overdrawn, or one the balance cannot hold, is refused.
        """
        begun = self.take_pending(TransactionType.OVERDRAFT_UPDATE)
        data, terminal = self.parsed(LimitData, apdu.data), begun.terminal_no
        mac2 = overdraft_mac2(self.online_session(begun), data.limit_fen, terminal, data.when)
        self.check_mac(mac2, data.mac2)
        before = self.state.account(begun.transaction.purse)
        balance, atc = before.funds_fen + data.limit_fen, before.online_atc
        if not 0 <= balance <= MAX_BALANCE_FEN:
            raise Refusal(Sw.INSUFFICIENT_BALANCE)
        tac = overdraft_tac(self.key(KeySlot.TAC), balance, atc, data.limit_fen, terminal, data.when)
        after = replace(before, balance_fen=balance, overdraft_limit_fen=data.limit_fen, online_atc=atc + 1)
        self.finish(begun, data.when, after, mac2, tac)
        return tac
