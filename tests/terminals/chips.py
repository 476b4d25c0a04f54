"""Simulated chips under the demonstration keys: blank ones, SAMs of a terminal, and a card as the counter issues it."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path
from typing import Any

from accounts.models import Card, TopUpOrder
from accounts.services.cards import activate_card, issue_card, mark_personalised, order_card
from accounts.services.topup import order_topup, receive_cash
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.keystore import KeyStore, Usage
from terminals.card.crypto import diversify
from terminals.card.personalise import SamSpec, personalise_sam
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.readers.memory import MemoryTransport
from terminals.services.counter import load_chip, personalise_card
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.store import DirectoryStore, MemoryStore, Store
from tests.factories import CLERK, NOON, make_citizen, make_product

PIN = "123456"
COUNTER_NO = "397000000001"
ISSUER = bytes.fromhex("01013970FFFFFFFF")
_serials = itertools.count(1)


def blank_chip(keys: KeyStore, folder: Path | None = None) -> Chip:
    """A blank card fresh from the maker; in a folder, or in memory."""
    serial = next(_serials).to_bytes(8)
    key = diversify(keys.masters[Usage.TRANSPORT, 1], serial)
    return Chip.blank(_store(folder), chip_serial8=serial, transport_key16=key)


def _store(folder: Path | None) -> Store:
    return DirectoryStore(folder) if folder else MemoryStore()


def sam_for(keys: KeyStore, terminal_no: str, folder: Path | None = None) -> MemoryTransport:
    """A SAM with this terminal number, in its slot."""
    serial = next(_serials).to_bytes(8)
    key = diversify(keys.masters[Usage.TRANSPORT, 1], serial)
    slot = MemoryTransport(Psam.blank(_store(folder), chip_serial8=serial, transport_key16=key))
    management = SamManagement(1, ISSUER, ISSUER, date(2026, 1, 1), date(2036, 1, 1))
    spec = SamSpec(
        SamInfo(terminal_no.zfill(20)), SamTerminal(bytes.fromhex(terminal_no)), management, (1, 2)
    )
    personalise_sam(slot, spec, key_service("counter"))
    return slot


def issued_card(
    keys: KeyStore, *, real_name: bool = False, folder: Path | None = None, **changes: Any
) -> tuple[Card, Chip]:
    """An active card with its chip; anonymous unless told otherwise, of a product with `changes`. Needs an open day."""
    product = make_product(real_name=real_name, **changes)
    citizen = make_citizen() if real_name else None
    card = order_card(product=product, citizen=citizen, actor=CLERK, valid_from=date(2026, 3, 1))
    chip = blank_chip(keys, folder)
    personalise_card(card=card, transport=MemoryTransport(chip), pin=PIN, actor=CLERK)
    mark_personalised(card=card, actor=CLERK)
    issue_card(card=card, actor=CLERK, occurred_at=NOON)
    return activate_card(card=card, actor=CLERK), chip


def paid_order(card: Card, amount_fen: int) -> TopUpOrder:
    """A top-up paid in cash."""
    order = order_topup(card=card, amount_fen=amount_fen, channel="cash", actor=CLERK, occurred_at=NOON)
    return receive_cash(order=order, actor=CLERK)


def loaded_card(keys: KeyStore, amount_fen: int, folder: Path | None = None) -> tuple[Card, Chip]:
    """An active anonymous card with money on chip and purse, put there as the counter does."""
    card, chip = issued_card(keys, folder=folder)
    order = paid_order(card, amount_fen)
    load_chip(order=order, transport=MemoryTransport(chip), terminal_no=COUNTER_NO, when=NOON, pin=PIN)
    return card, chip
