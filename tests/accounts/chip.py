"""The purse of one chip, computed from the demonstration keys: what a card answers when value is loaded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import Card, TopUpOrder
from accounts.services import topup
from citizencard.core.keyservice.keystore import KeyStore, Usage
from terminals.card import crypto
from tests.factories import NOON

COUNTER_TERMINAL = "001122334455"
RAND = bytes.fromhex("11223344")
LOAD = crypto.TransactionType.LOAD


class Chip:
    """Balance and online ATC as the chip keeps them; one load at a time."""

    def __init__(self, keys: KeyStore, card: Card, *, balance_fen: int = 0) -> None:
        self._keys, self._card = keys, card
        self.balance_fen, self.online_atc = balance_fen, 0
        self._seslk = b""

    def initialise(self, amount_fen: int) -> dict[str, Any]:
        """INITIALIZE FOR LOAD: the arguments of `authorise_load` that come from the chip."""
        self._seslk = crypto.load_session_key(self._key(Usage.LOAD), RAND, self.online_atc)
        mac1 = crypto.load_mac1(
            self._seslk, self.balance_fen, amount_fen, LOAD, bytes.fromhex(COUNTER_TERMINAL)
        )
        return {
            "balance_fen": self.balance_fen,
            "online_atc": self.online_atc,
            "key_version": 1,
            "rand": RAND,
            "mac1": mac1,
            "terminal_no": COUNTER_TERMINAL,
        }

    def credit(self, amount_fen: int, mac2: bytes, when: datetime = NOON) -> bytes:
        """CREDIT FOR LOAD: checks MAC2, takes the value, answers with the TAC."""
        terminal = bytes.fromhex(COUNTER_TERMINAL)
        local = when.replace(tzinfo=None)
        assert mac2 == crypto.load_mac2(self._seslk, amount_fen, LOAD, terminal, local), "9302"
        atc, self.online_atc = self.online_atc, self.online_atc + 1
        self.balance_fen += amount_fen
        return crypto.load_tac(self._key(Usage.TAC), self.balance_fen, atc, amount_fen, LOAD, terminal, local)

    def load(self, order: TopUpOrder) -> TopUpOrder:
        """The whole load of a paid order."""
        answer = self.initialise(order.amount_fen)
        mac2 = topup.authorise_load(order=order, when=NOON, **answer)
        tac = self.credit(order.amount_fen, mac2)
        return topup.confirm_load(order=order, tac=tac, balance_after_fen=self.balance_fen)

    def _key(self, usage: Usage) -> bytes:
        master = self._keys.master(usage, 1)
        return crypto.diversify_levels(master, self._keys.issuer_factor8, self._card.serial)
