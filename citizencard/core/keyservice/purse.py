"""Key operations of purse and deposit: purchase TACs in bulk, and the host's side of load, unload and overdraft.

JR/T 0025.2. ATC always before increment, `when` the host's time, amounts and balances in fen. What a card must not do
(unload more than it holds) it refuses itself; here only authenticity is judged.
"""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest

from citizencard.core.keyservice import tacs
from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card import crypto
from terminals.card.crypto import TransactionType


class PurseKeys:
    """Answers about purses; derived keys live only for the duration of one call."""

    def __init__(self, keys: IssuerKeys) -> None:
        self._keys = keys

    def verify_purchase_tacs(self, packed: bytes) -> bytes:
        """One byte per 35-byte record, see `tacs.verify`: 1 when its TAC is the card's own."""
        return tacs.verify(
            packed, lambda version, blocks: self._keys.card_keys(Usage.TAC, version, blocks, Intent.SERVE)
        )

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
        """MAC2 for the card, after its MAC1 proved right; `Refusal` mac_invalid otherwise. ATC before increment.

        `kind` is LOAD into the purse or ED_LOAD into the deposit.
        """
        key = self._session_key(Usage.LOAD, key_version, serial8, rand4, online_atc)
        _demand_mac(crypto.load_mac1(key, balance_fen, amount_fen, kind, terminal_no6), mac1)
        return crypto.load_mac2(key, amount_fen, kind, terminal_no6, when)

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
        """Whether the card confirms this load. ATC before increment, `when` the host's time sent with MAC2."""
        dtk = self._keys.card_key(Usage.TAC, key_version, serial8, Intent.SERVE)
        right = crypto.load_tac(dtk, balance_after_fen, online_atc, amount_fen, kind, terminal_no6, when)
        return compare_digest(right, tac)

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
        """MAC2 that lets the deposit give an amount back, after MAC1 proved right; `Refusal` mac_invalid otherwise."""
        key = self._session_key(Usage.UNLOAD, key_version, serial8, rand4, online_atc)
        kind = TransactionType.UNLOAD
        _demand_mac(crypto.load_mac1(key, balance_fen, amount_fen, kind, terminal_no6), mac1)
        return crypto.load_mac2(key, amount_fen, kind, terminal_no6, when)

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
        """Whether the card confirms that the amount has left its deposit."""
        key = self._session_key(Usage.UNLOAD, key_version, serial8, rand4, online_atc)
        right = crypto.unload_mac3(key, balance_after_fen, online_atc, amount_fen, terminal_no6, when)
        return compare_digest(right, mac3)

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
        """MAC2 for a new overdraft limit, after MAC1 proved right; `Refusal` mac_invalid otherwise."""
        key = self._session_key(Usage.OVERDRAFT, key_version, serial8, rand4, online_atc)
        _demand_mac(crypto.overdraft_mac1(key, balance_fen, old_limit_fen, terminal_no6), mac1)
        return crypto.overdraft_mac2(key, new_limit_fen, terminal_no6, when)

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
        """Whether the card confirms its new limit; `balance_after_fen` is the balance plus the limit's change."""
        dtk = self._keys.card_key(Usage.TAC, key_version, serial8, Intent.SERVE)
        right = crypto.overdraft_tac(dtk, balance_after_fen, online_atc, new_limit_fen, terminal_no6, when)
        return compare_digest(right, tac)

    def _session_key(
        self, usage: Usage, key_version: int, serial8: bytes, rand4: bytes, online_atc: int
    ) -> bytes:
        """SESLK, SESULK or SESUK: all three have the same form."""
        card_key = self._keys.card_key(usage, key_version, serial8, Intent.SERVE)
        return crypto.load_session_key(card_key, rand4, online_atc)


def _demand_mac(right: bytes, mac1: bytes) -> None:
    if not compare_digest(right, mac1):
        raise Refusal(Code.MAC_INVALID, "MAC1 of the card does not match the transaction it announces")
