from __future__ import annotations

import pytest

from terminals.card.apdu import ApduError, Command, WrongPin
from terminals.card.crypto import des_mac, xor
from terminals.card.keys import KeySlot, mac_command
from terminals.card.purse import PurseSession, pin_block
from terminals.card.status import StatusWord as Sw
from terminals.card.transport import exchange
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.store import MemoryStore
from tests.terminals.cards import KEYS, PIN, issued_chip, public_info

SERIAL8 = public_info().serial8


def spoil(purse: PurseSession, times: int = 3) -> None:
    for _ in range(times):
        with pytest.raises(WrongPin):
            purse.verify_pin("000000")


def test_three_wrong_tries_lock_the_pin(purse: PurseSession) -> None:
    left = []
    for _ in range(4):
        with pytest.raises(WrongPin) as caught:
            purse.verify_pin("654321")
        left.append(caught.value.tries_left)
    assert left == [2, 1, 0, 0]
    with pytest.raises(WrongPin):
        purse.verify_pin(PIN)


def test_the_right_pin_restores_the_tries(purse: PurseSession) -> None:
    spoil(purse, 2)
    purse.verify_pin(PIN)
    spoil(purse, 2)
    purse.verify_pin(PIN)


def test_a_try_is_spent_even_when_the_power_goes() -> None:
    store = MemoryStore()
    chip = issued_chip(store=store)
    spoil(selected(chip), 2)
    again = Chip.load(store)
    with pytest.raises(WrongPin) as caught:
        selected(again).verify_pin("000000")
    assert caught.value.sw == Sw.AUTHENTICATION_BLOCKED


def selected(chip: Chip) -> PurseSession:
    session = PurseSession(MemoryTransport(chip))
    session.select()
    return session


def test_a_wrong_pin_takes_back_the_right_given(purse: PurseSession) -> None:
    purse.verify_pin(PIN)
    spoil(purse, 1)
    with pytest.raises(ApduError) as caught:
        purse.holder()
    assert caught.value.sw == Sw.SECURITY_NOT_SATISFIED


def test_a_reset_takes_back_the_right_given(chip: Chip, purse: PurseSession) -> None:
    purse.verify_pin(PIN)
    assert purse.holder().name == "张晓明"
    chip.reset()
    purse.select()
    with pytest.raises(ApduError):
        purse.holder()


def test_the_holder_changes_the_pin(chip: Chip, purse: PurseSession) -> None:
    data = pin_block(PIN) + b"\xff" + pin_block("8765")
    exchange(MemoryTransport(chip), Command(0x80, 0x5E, 0x01, 0x00, data))
    chip.reset()
    purse.select()
    with pytest.raises(WrongPin):
        purse.verify_pin(PIN)
    purse.verify_pin("8765")


def test_changing_the_pin_costs_a_try_when_the_old_one_is_wrong(chip: Chip, purse: PurseSession) -> None:
    data = pin_block("000000") + b"\xff" + pin_block("8765")
    answer = chip.transmit(Command(0x80, 0x5E, 0x01, 0x00, data).to_bytes())
    assert answer == bytes.fromhex("63C2")
    purse.verify_pin(PIN)


def test_the_issuer_reloads_a_forgotten_pin(chip: Chip, purse: PurseSession) -> None:
    spoil(purse)
    key = KEYS.of(KeySlot.PIN_RELOAD, SERIAL8)
    new = pin_block("246810")
    mac = des_mac(xor(key[:8], key[8:]), new)
    exchange(MemoryTransport(chip), Command(0x80, 0x5E, 0x00, 0x00, new + mac))
    chip.reset()
    purse.select()
    purse.verify_pin("246810")


def test_a_reload_under_a_false_key_is_refused(chip: Chip, purse: PurseSession) -> None:
    purse.select()
    assert chip.transmit(bytes.fromhex("805E000007246810AABBCCDD")) == bytes.fromhex("6988")
    purse.verify_pin(PIN)


def test_the_issuer_unblocks_a_locked_pin(chip: Chip, purse: PurseSession) -> None:
    spoil(purse)
    challenge = chip.transmit(bytes.fromhex("0084000008"))[:-2]
    key = KEYS.of(KeySlot.PIN_UNBLOCK, SERIAL8)
    apdu = mac_command(key, bytes.fromhex("84240000"), pin_block(PIN), challenge, encrypt=True)
    assert chip.transmit(apdu) == bytes.fromhex("9000")
    purse.verify_pin(PIN)


@pytest.mark.parametrize("apdu", ["00200000", "002000000112", "00200000071234567890ABCD"])
def test_what_cannot_be_a_pin_costs_no_try(chip: Chip, purse: PurseSession, apdu: str) -> None:
    assert chip.transmit(bytes.fromhex(apdu)) == bytes.fromhex("6700")
    spoil(purse, 2)
    purse.verify_pin(PIN)
