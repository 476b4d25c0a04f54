"""Key operations of the electronic purse: purchase TACs in bulk, the load dialogue, load TACs (JR/T 0025.2)."""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest

from citizencard.core.keyservice import tacs
from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card import crypto


class PurseKeys:
    """Answers about purses; derived keys live only for the duration of one call."""

    def __init__(self, keys: IssuerKeys) -> None:
        self._keys = keys

    def verify_purchase_tacs(self, packed: bytes) -> bytes:
        """One byte per 35-byte record: 1 when its TAC is the card's own, else 0 (also for an unknown key version)."""
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
    ) -> bytes:
        """MAC2 for the card, after its MAC1 proved right; `Refusal` mac_invalid otherwise. ATC before increment."""
        key = crypto.load_session_key(
            self._keys.card_key(Usage.LOAD, key_version, serial8, Intent.SERVE), rand4, online_atc
        )
        kind = crypto.TransactionType.LOAD
        if not compare_digest(crypto.load_mac1(key, balance_fen, amount_fen, kind, terminal_no6), mac1):
            raise Refusal(Code.MAC_INVALID, "MAC1 of the card does not match the load it announces")
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
    ) -> bool:
        """Whether the card confirms this load. ATC before increment, `when` the host's time sent with MAC2."""
        dtk = self._keys.card_key(Usage.TAC, key_version, serial8, Intent.SERVE)
        kind = crypto.TransactionType.LOAD
        right = crypto.load_tac(dtk, balance_after_fen, online_atc, amount_fen, kind, terminal_no6, when)
        return compare_digest(right, tac)
