"""The chip's side of the dialogue, computed the plain way with `terminals.card.crypto`."""

from __future__ import annotations

from datetime import datetime

from citizencard.core.keyservice.keystore import KeyStore, Usage
from citizencard.core.keyservice.protocol import pack_tac_record
from terminals.card import crypto

TERMINAL = bytes.fromhex("001122334455")
WHEN = datetime.fromisoformat("2026-11-21T08:30:15")
"""A terminal's clock: Asia/Shanghai, naive as on the chip."""


class CardSide:
    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def key(self, usage: Usage, version: int, serial8: bytes) -> bytes:
        master = self._keys.master(usage, version)
        return crypto.diversify_levels(master, self._keys.issuer_factor8, serial8)

    def purchase_record(
        self, serial8: bytes, amount_fen: int, seq: int, *, version: int = 1, tac: bytes | None = None
    ) -> bytes:
        kind = crypto.TransactionType.PURCHASE
        right = crypto.purchase_tac(
            self.key(Usage.TAC, version, serial8), amount_fen, kind, TERMINAL, seq, WHEN
        )
        return pack_tac_record(
            serial8=serial8,
            key_version=version,
            amount_fen=amount_fen,
            kind=kind,
            terminal_no6=TERMINAL,
            terminal_seq=seq,
            when=WHEN,
            tac4=right if tac is None else tac,
        )

    def load_session_key(self, version: int, serial8: bytes, rand4: bytes, atc: int) -> bytes:
        return crypto.load_session_key(self.key(Usage.LOAD, version, serial8), rand4, atc)
