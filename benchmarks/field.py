"""Terminals with keys, and tap records with right TACs, for the seeded city."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from requests import PreparedRequest, Request

from accounts.models import Card
from citizencard.core.keyservice.keystore import Usage, load_demo_keys
from terminals.card.crypto import TransactionType, diversify, purchase_tac
from terminals.models import Terminal, TerminalKey
from terminals.services.keys import add_key
from terminals.wire.record import TapRecord
from terminals.wire.signature import sign_request

DEMO_KEYS = Path(__file__).resolve().parents[1] / "fixtures" / "demo_keys.json"
KEY_VERSION = 1


@dataclass
class Wallet:
    """A card as its chip would count."""

    pan: str
    tac_key: bytes
    atc: Iterator[int]


class Till:
    """A terminal of the city that signs and counts."""

    def __init__(self, terminal: Terminal, *, first_sequence: int = 1) -> None:
        self.terminal = terminal
        self._key = Ed25519PrivateKey.generate()
        self._sequence = count(first_sequence)
        public_key = self._key.public_key().public_bytes_raw()
        add_key(terminal=terminal, public_key=public_key, origin=TerminalKey.Origin.INSTALLED)

    def purchase(self, wallet: Wallet, amount_fen: int, when: datetime) -> TapRecord:
        """A finished purchase with the card's TAC."""
        sequence, kind = next(self._sequence), TransactionType.PURCHASE
        number = bytes.fromhex(self.terminal.terminal_no)
        tac = purchase_tac(wallet.tac_key, amount_fen, kind, number, sequence, when)
        return TapRecord(
            terminal_no=self.terminal.terminal_no,
            terminal_seq=sequence,
            card_no=wallet.pan,
            atc=next(wallet.atc),
            type=kind,
            amount_fen=amount_fen,
            balance_fen=0,
            occurred_at=when,
            tac=tac.hex().upper(),
            key_version=KEY_VERSION,
        )

    def signed(self, url: str, body: bytes, media_type: str) -> PreparedRequest:
        """The request to upload `body`, as the terminal sends it."""
        request = Request("POST", url, data=body, headers={"Content-Type": media_type}).prepare()
        sign_request(request, terminal_code=self.terminal.code, key=self._key)
        return request

    def asking(self, url: str) -> PreparedRequest:
        """A signed GET."""
        request = Request("GET", url).prepare()
        sign_request(request, terminal_code=self.terminal.code, key=self._key)
        return request


def wallets() -> list[Wallet]:
    """All cards of the city, in the order of their numbers."""
    return [
        Wallet(card.pan, diversify(tac_master(), card.serial), count(0))
        for card in Card.objects.order_by("pan")
    ]


def tills() -> list[Till]:
    """All terminals of the city, each with a new key."""
    return [Till(terminal) for terminal in Terminal.objects.select_related("merchant").order_by("code")]


def minutes_ago(now: datetime) -> datetime:
    """A time in whole seconds, as chips count, that has passed."""
    return now.replace(microsecond=0) - timedelta(minutes=5)


@lru_cache(maxsize=1)
def tac_master() -> bytes:
    """The demonstration TAC master at the issuer's level."""
    store = load_demo_keys(DEMO_KEYS, environment="demo")
    return diversify(store.master(Usage.TAC, KEY_VERSION), store.issuer_factor8)
