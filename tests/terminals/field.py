"""A field to test in: a merchant, terminals with keys, and records with right TACs made as a chip would."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import Card
from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.keystore import KeyStore, Usage
from terminals.card.crypto import purchase_tac
from terminals.models import Merchant, Terminal
from terminals.services.field import publish_tariff, register_merchant, register_terminal
from terminals.wire.record import TapRecord
from tests.factories import NOON

_numbers = itertools.count(1)


def make_merchant(code: str = "BUS", channel: str = "bus", fee_basis_points: int = 50) -> Merchant:
    """A registered merchant."""
    return register_merchant(code=code, name=code, channel=channel, fee_basis_points=fee_basis_points)


@dataclass
class Field:
    """One terminal with its key, and the demonstration keys to make TACs with."""

    keys: KeyStore
    terminal: Terminal
    private_key: Ed25519PrivateKey
    _sequence: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def install(cls, keys: KeyStore, code: str = "", merchant: Merchant | None = None) -> Field:
        """Register a terminal with a flat fare; merchant BUS unless told otherwise."""
        publish_tariff(
            code="flat",
            name="一票制",
            kind="flat",
            rule={"fare_fen": 200},
            valid_from=date(2026, 1, 1),
            legal_basis="test",
        )
        number, key = next(_numbers), Ed25519PrivateKey.generate()
        terminal = register_terminal(
            code=code or f"T-{number}",
            merchant=merchant or make_merchant(),
            place="丰泽街",
            tariff_code="flat",
            terminal_no=f"{number:012X}",
            public_key=key.public_key().public_bytes_raw(),
        )
        return cls(keys, terminal, key)

    def tap(self, card: Card, atc: int, amount_fen: int = 200, **changes: Any) -> TapRecord:
        """A purchase of this terminal with a right TAC; changes are made before the TAC."""
        values: dict[str, Any] = {
            "terminal_no": self.terminal.terminal_no,
            "terminal_seq": next(self._sequence),
            "card_no": card.pan,
            "atc": atc,
            "type": 6,
            "amount_fen": amount_fen,
            "balance_fen": 100_000 - amount_fen,
            "occurred_at": NOON + timedelta(seconds=atc),
            "tac": "00000000",
            "key_version": 1,
        }
        return self.sealed(TapRecord(**values | changes))

    def sealed(self, record: TapRecord) -> TapRecord:
        """The record with the TAC its card would give."""
        dtk = IssuerKeys(self.keys).card_key(
            Usage.TAC, record.key_version, bytes.fromhex(record.card_no[-16:])
        )
        tac = purchase_tac(
            dtk,
            record.amount_fen,
            record.type,
            bytes.fromhex(record.terminal_no),
            record.terminal_seq,
            record.occurred_at,
        )
        return replace(record, tac=tac.hex().upper())


def later(minutes: int) -> datetime:
    """Some time after noon of the test day."""
    return NOON + timedelta(minutes=minutes)
