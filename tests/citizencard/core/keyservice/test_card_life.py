"""The key service and real chip code together: personalise card and SAM, load, pay, and check what they prove."""

from __future__ import annotations

from dataclasses import replace

import pytest

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import KeyStore, Usage
from citizencard.core.keyservice.protocol import pack_tac_record
from terminals.card.crypto import TransactionType, diversify
from terminals.card.personalise import personalise, personalise_sam
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.store import MemoryStore
from tests.terminals.cards import COUNTER, PIN, TERMINAL, WHEN, card_spec, sam_spec


def blank(kind: type[Chip] | type[Psam], serial: bytes, keys: KeyStore) -> MemoryTransport:
    """A chip fresh from its maker: it knows its serial and its transport key."""
    transport_key = diversify(keys.master(Usage.TRANSPORT, 1), serial)
    return MemoryTransport(kind.blank(MemoryStore(), chip_serial8=serial, transport_key16=transport_key))


@pytest.mark.parametrize("version", [1, 2])
def test_from_blank_chips_to_a_checked_purchase(
    key_service: KeyServiceClient, demo_keys: KeyStore, version: int
) -> None:
    card, sam = blank(Chip, b"CHIP0001", demo_keys), blank(Psam, b"PSAM0001", demo_keys)
    spec = replace(card_spec(), key_version=version)
    personalise(card, spec, key_service)
    personalise_sam(sam, sam_spec(), key_service)
    serial8 = spec.public_info.serial8
    purse, module = PurseSession(card), SamSession(sam)
    purse.select()
    module.open()

    purse.verify_pin(PIN)
    init = purse.init_load(5000, COUNTER)
    mac2 = key_service.authorise_load(
        serial8=serial8,
        key_version=init.key_version,
        rand4=init.rand,
        online_atc=init.online_atc,
        balance_fen=init.balance_fen,
        amount_fen=5000,
        terminal_no6=COUNTER,
        mac1=init.mac1,
        when=WHEN,
    )
    tac = purse.credit_for_load(WHEN, mac2)
    assert purse.balance_fen() == 5000
    assert key_service.verify_load_tac(
        serial8=serial8,
        key_version=init.key_version,
        balance_after_fen=5000,
        online_atc=init.online_atc,
        amount_fen=5000,
        terminal_no6=COUNTER,
        when=WHEN,
        tac=tac,
    )

    purchase = purse.init_purchase(200, TERMINAL)
    kind = TransactionType.PURCHASE
    debit = module.init_for_purchase(purchase, amount_fen=200, kind=kind, when=WHEN, card_serial8=serial8)
    proof = purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
    module.credit(proof.mac2)
    record = pack_tac_record(
        serial8=serial8,
        key_version=purchase.key_version,
        amount_fen=200,
        kind=kind,
        terminal_no6=TERMINAL,
        terminal_seq=debit.terminal_seq,
        when=WHEN,
        tac4=proof.tac,
    )
    assert purchase.key_version == version
    assert key_service.verify_purchase_tacs(record) == b"\x01"


def test_a_card_of_a_stranger_is_not_loaded(key_service: KeyServiceClient, demo_keys: KeyStore) -> None:
    """A card that claims another serial than its keys were made for: its MAC1 gives it away."""
    card = blank(Chip, b"CHIP0001", demo_keys)
    personalise(card, card_spec(number="3105883700000000999"), key_service)
    purse = PurseSession(card)
    purse.select()
    purse.verify_pin(PIN)
    init = purse.init_load(5000, COUNTER)
    with pytest.raises(KeyServiceError) as caught:
        key_service.authorise_load(
            serial8=card_spec().public_info.serial8,
            key_version=init.key_version,
            rand4=init.rand,
            online_atc=init.online_atc,
            balance_fen=init.balance_fen,
            amount_fen=5000,
            terminal_no6=COUNTER,
            mac1=init.mac1,
            when=WHEN,
        )
    assert caught.value.refusal == "mac_invalid"
