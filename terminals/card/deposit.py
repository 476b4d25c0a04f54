"""A session with the electronic deposit (电子存折) on a card (JR/T 0025.2).

Everything but reading wants the PIN, and everything but purchase and withdrawal the issuer's host: the card proves
itself by MAC1, the host answers with MAC2, the card confirms with a TAC or, for an unload, MAC3. The formulas of
those values are in `crypto`; keys stay with the host. Unload and overdraft update rest on one public source each.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from terminals.card import commands
from terminals.card.commands import InitMode
from terminals.card.files import EF19
from terminals.card.messages import LoadInit, OverdraftInit, PurchaseInit
from terminals.card.session import MoneySession
from terminals.card.transport import exchange


class DepositSession(MoneySession):
    """The deposit: load, purchase, cash withdrawal, unload back to the bank account, overdraft limit."""

    SELECTOR: ClassVar[int] = commands.DEPOSIT
    LOG: ClassVar[int] = EF19

    def init_purchase(self, amount_fen: int, terminal_no: bytes) -> PurchaseInit:
        """INITIALIZE FOR PURCHASE; raises InsufficientBalance. Type byte 05 in MACs, TAC and proof."""
        return self._init(InitMode.PURCHASE, amount_fen, terminal_no, PurchaseInit)

    def init_cash_withdraw(self, amount_fen: int, terminal_no: bytes) -> PurchaseInit:
        """INITIALIZE FOR CASH WITHDRAW; goes on as a purchase does, with type byte 04."""
        return self._init(InitMode.CASH_WITHDRAW, amount_fen, terminal_no, PurchaseInit)

    def init_unload(self, amount_fen: int, terminal_no: bytes) -> LoadInit:
        """INITIALIZE FOR UNLOAD; MAC1 proves the card to the host, type byte 03."""
        return self._init(InitMode.UNLOAD, amount_fen, terminal_no, LoadInit)

    def debit_for_unload(self, when: datetime, mac2: bytes) -> bytes:
        """DEBIT FOR UNLOAD with the host's MAC2; returns MAC3, 4 bytes, by which the host credits the account."""
        return exchange(self._transport, commands.debit_for_unload(when, mac2))

    def init_overdraft_update(self, terminal_no: bytes) -> OverdraftInit:
        """INITIALIZE FOR UPDATE; MAC1 proves the card and its old limit to the host, type byte 07."""
        command = commands.initialize_for_update(self.profile.key_index, terminal_no)
        return OverdraftInit.parse(exchange(self._transport, command))

    def update_overdraft_limit(self, limit_fen: int, when: datetime, mac2: bytes) -> bytes:
        """UPDATE OVERDRAW LIMIT with the host's MAC2; returns the TAC, 4 bytes."""
        return exchange(self._transport, commands.update_overdraft_limit(limit_fen, when, mac2))
