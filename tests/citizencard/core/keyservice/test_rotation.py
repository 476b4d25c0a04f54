"""Rolling a key version over: cards of the old and of the new one side by side, until the cut-off day is over."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.demonstration import PASSPHRASE, open_demonstration
from citizencard.core.keyservice.errors import KeyServiceError, error_for
from citizencard.core.keyservice.gate import Gate
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.keyservice.peer import Peer
from citizencard.core.keyservice.places import MemoryPlace
from citizencard.core.keyservice.protocol import Opcode, pack_tac_record
from citizencard.core.keyservice.refusal import Refusal
from citizencard.core.keyservice.roles import Role, own_user_only
from terminals.card.crypto import TransactionType
from terminals.card.personalise import personalise, personalise_sam
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from tests.citizencard.core.keyservice.office import Office, quick_scrypt
from tests.citizencard.core.keyservice.test_card_life import blank
from tests.terminals.cards import COUNTER, PIN, TERMINAL, WHEN, card_spec, sam_spec

__all__ = ["quick_scrypt"]
pytestmark = pytest.mark.usefixtures("quick_scrypt")
OLD = ["TAC/1", "LOAD/1", "PURCHASE/1", "MAINTENANCE/1"]


class NoSocket:
    """A client's channel straight to the gate, so that the test may turn the service's calendar."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def call(self, opcode: Opcode, payload: bytes) -> bytes:
        try:
            return self._gate.answer(Peer(os.geteuid(), 1, Role.COUNTER), opcode, payload)
        except Refusal as refusal:
            raise error_for(refusal.code, refusal.message) from None


@dataclass
class City:
    office: Office
    keys: KeyServiceClient
    demo_keys: KeyStore
    sam: MemoryTransport

    def card(self, version: int, serial: bytes) -> MemoryTransport:
        chip = blank(Chip, serial, self.demo_keys)
        personalise(chip, replace(card_spec(), key_version=version), self.keys)
        return chip

    def load(self, chip: MemoryTransport) -> None:
        purse = PurseSession(chip)
        purse.select()
        purse.verify_pin(PIN)
        init = purse.init_load(5000, COUNTER)
        common = {
            "serial8": card_spec().public_info.serial8,
            "key_version": init.key_version,
            "online_atc": init.online_atc,
            "amount_fen": 5000,
            "terminal_no6": COUNTER,
            "when": WHEN,
        }
        mac2 = self.keys.authorise_load(
            rand4=init.rand, balance_fen=init.balance_fen, mac1=init.mac1, **common
        )
        tac = purse.credit_for_load(WHEN, mac2)
        assert self.keys.verify_load_tac(balance_after_fen=purse.balance_fen(), tac=tac, **common)

    def buy(self, chip: MemoryTransport) -> bytes:
        """The record a terminal would send for clearing."""
        purse, module, serial8 = PurseSession(chip), SamSession(self.sam), card_spec().public_info.serial8
        purse.select()
        module.open()
        begun, kind = purse.init_purchase(200, TERMINAL), TransactionType.PURCHASE
        debit = module.init_for_purchase(begun, amount_fen=200, kind=kind, when=WHEN, card_serial8=serial8)
        proof = purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
        module.credit(proof.mac2)
        return pack_tac_record(
            serial8=serial8,
            key_version=begun.key_version,
            amount_fen=200,
            kind=kind,
            terminal_no6=TERMINAL,
            terminal_seq=debit.terminal_seq,
            when=WHEN,
            tac4=proof.tac,
        )

    def clears(self, record: bytes) -> bool:
        return self.keys.verify_purchase_tacs(record) == b"\x01"


@pytest.fixture
def city(tmp_path: Path, demo_keys: KeyStore) -> City:
    office = Office(tmp_path, MemoryPlace(demo_keys.keys))
    open_demonstration(office.custody, demo_keys)
    keys = KeyServiceClient(tmp_path / "unused")
    keys._channel = NoSocket(Gate(office.ring, own_user_only(), ceremonies=office.ceremonies))  # type: ignore[assignment]
    sam = blank(Psam, b"PSAM0001", demo_keys)
    personalise_sam(sam, sam_spec(), keys)
    return City(office, keys, demo_keys, sam)


def retire_old(city: City, in_days: int) -> None:
    demo = {"passphrase": PASSPHRASE}
    cut_off = (city.office.day + timedelta(days=in_days)).isoformat()
    number = city.office.propose("retire", OLD, by="demo-1", cut_off=cut_off, **demo)
    city.office.ask(Opcode.CONFIRM, "demo-2", number=number, **demo)


def test_old_and_new_cards_live_side_by_side_until_the_cut_off(city: City) -> None:
    old, new = city.card(1, b"CHIP0001"), city.card(2, b"CHIP0002")
    retire_old(city, in_days=90)
    for chip in (old, new):
        city.load(chip)
        assert city.clears(city.buy(chip))
    late = city.buy(old)
    with pytest.raises(KeyServiceError) as caught:
        city.card(1, b"CHIP0003")
    assert caught.value.refusal == "key_not_permitted"
    city.card(2, b"CHIP0004")

    city.office.pass_days(90)
    city.load(old)
    assert city.clears(late)

    city.office.pass_days(1)
    with pytest.raises(KeyServiceError) as caught:
        city.load(old)
    assert caught.value.refusal == "key_not_permitted"
    assert "LOAD version 1" in caught.value.data["explanation"]
    assert not city.clears(late)
    city.load(new)
    assert city.clears(city.buy(new))


def test_a_new_sam_still_serves_old_cards_in_the_window(city: City) -> None:
    old = city.card(1, b"CHIP0001")
    city.load(old)
    retire_old(city, in_days=90)
    city.sam = blank(Psam, b"PSAM0002", city.demo_keys)
    personalise_sam(city.sam, replace(sam_spec(), maintenance_version=2), city.keys)
    assert city.clears(city.buy(old))


def test_a_disabled_version_is_refused_at_the_very_next_call(city: City) -> None:
    old, new = city.card(1, b"CHIP0001"), city.card(2, b"CHIP0002")
    city.load(old)
    city.load(new)
    record = city.buy(old)
    assert city.clears(record)
    elsewhere = city.office.again(MemoryPlace(city.demo_keys.keys))
    open_demonstration(elsewhere.custody, city.demo_keys)
    elsewhere.ask(Opcode.DISABLE, "demo-3", passphrase=PASSPHRASE, keys=OLD)
    assert not city.clears(record)
    with pytest.raises(KeyServiceError) as caught:
        city.load(old)
    assert caught.value.refusal == "key_not_permitted"
    assert city.clears(city.buy(new))
