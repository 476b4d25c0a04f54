from __future__ import annotations

from datetime import datetime

import pytest

from terminals.card import commands_sam
from terminals.card.apdu import ApduError, MacRejected
from terminals.card.commands_sam import TAC_USAGE
from terminals.card.crypto import diversify, encrypt_ecb, purchase_tac_input, retail_mac
from terminals.card.keys import KeySlot
from terminals.card.messages import PurchaseInit
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.psam import Psam
from tests.terminals.card.scripted import ScriptedTransport
from tests.terminals.card.vectors import vector
from tests.terminals.cards import KEYS, public_info

SERIAL = public_info().serial8
MAINTENANCE_USAGE, PURCHASE_USAGE = (slot & 0x0F for slot in (KeySlot.MAINTENANCE, KeySlot.PURCHASE))


def test_the_sam_gets_rand_counter_amount_type_time_versions_and_factors() -> None:
    init = PurchaseInit(90799, 54, 800, 1, 0, bytes.fromhex("84176AD7"))
    apdu = "807000002484176AD7003600000064062018031316432901005170070104791381B1B1BEA9B1B1BEA908"
    script = ScriptedTransport((apdu, "0000005766CBC8639000"))
    debit = SamSession(script).init_for_purchase(
        init,
        amount_fen=100,
        kind=6,
        when=datetime.fromisoformat("2018-03-13T16:43:29"),
        card_serial8=bytes.fromhex("5170070104791381"),
        factors=[bytes.fromhex("B1B1BEA9B1B1BEA9")],
    )
    assert (debit.terminal_seq, debit.mac1.hex()) == (0x57, "66cbc863")


READ = (
    ("00A40000023F0000", "6F00" + "9000"),
    ("00B095000E", "230101010000002122410101" + "0000" + "9000"),
    ("00B0960006", "012300033D11" + "9000"),
)
MANAGEMENT = ("00B0970019", "01" + "00" * 16 + "20200101" + "20301231" + "9000")
NOT_THERE = (("00A4000002DF0100", "6A82"), ("00A4000002100100", "6A82"), ("00A40000023F0100", "6A82"))


@pytest.mark.parametrize("place", range(4))
def test_the_purse_of_another_issuer_s_module_is_found(place: int) -> None:
    names = [*(apdu for apdu, _ in NOT_THERE), "00A4040006BDA8C9E8B2BF00"]
    script = ScriptedTransport(*READ, *NOT_THERE[:place], (names[place], "9000"), MANAGEMENT)
    identity = SamSession(script).open()
    assert (identity.serial, identity.terminal_no.hex()) == ("23010101000000212241", "012300033d11")
    script.assert_finished()


@pytest.mark.parametrize(
    "refusals", [[("00A4000002DF0100", "9303")], [*NOT_THERE, ("00A4040006BDA8C9E8B2BF00", "6A82")]]
)
def test_a_module_without_a_purse_says_why(refusals: list[tuple[str, str]]) -> None:
    with pytest.raises(ApduError, match=f"SELECT .* {refusals[-1][1]}"):
        SamSession(ScriptedTransport(*READ, *refusals)).open()


def test_a_tac_is_recomputed_as_a_motorway_terminal_does() -> None:
    """DELIVERY KEY with card and issuer, then CIPHER DATA over initial value, record and padding in one piece."""
    given_, expected = vector("tac-request-of-a-sam")
    when = datetime.strptime(given_["date"] + given_["time"], "%Y%m%d%H%M%S")
    terminal, sequence = bytes.fromhex(given_["terminal"]), int(given_["terminal_seq"], 16)
    signed = purchase_tac_input(int(given_["amount"], 16), 9, terminal, sequence, when)
    factors = [bytes.fromhex(given_["card_serial"]), bytes.fromhex(given_["issuer_factor"])]
    script = ScriptedTransport(
        ("801A440010" + b"".join(factors).hex(), "9000"),
        ("80FA050020" + "00" * 8 + signed.hex() + "8000" + "04", expected["TAC"] + "9000"),
    )
    sam = SamSession(script)
    sam.delivery_key(TAC_USAGE, 0, factors)
    assert sam.mac(signed).hex().upper() == expected["TAC"]
    script.assert_finished()


def test_long_data_is_macked_in_parts() -> None:
    data = bytes(range(256)) * 2
    padded = data + b"\x80" + bytes(7)
    start = bytes.fromhex("C0300764594D6D8D")
    script = ScriptedTransport(
        ("80FA0700F0" + start.hex() + padded[:232].hex(), "9000"),
        ("80FA0300F0" + padded[232:472].hex(), "9000"),
        ("80FA010030" + padded[472:].hex() + "04", "A1A2A3A4" + "9000"),
    )
    assert SamSession(script).mac(data, start).hex() == "a1a2a3a4"
    script.assert_finished()


@pytest.mark.parametrize("size", [0, 7, 8, 22, 231, 232, 240, 500])
def test_a_module_macs_and_encrypts_under_a_delivered_key(psam: Psam, size: int) -> None:
    sam = SamSession(MemoryTransport(psam))
    sam.open()
    sam.delivery_key(MAINTENANCE_USAGE, 1, [SERIAL])
    key = diversify(KEYS.of(KeySlot.MAINTENANCE, None), SERIAL)
    data = bytes(size)
    assert sam.mac(data) == retail_mac(key, data)
    assert sam.encrypt(bytes(16)) == encrypt_ecb(key, bytes(16))


def test_a_card_s_own_code_tells_a_genuine_card_from_a_false_one(psam: Psam, purse: PurseSession) -> None:
    sam = SamSession(MemoryTransport(psam))
    sam.open()
    code = purse.message()
    sam.delivery_key(PURCHASE_USAGE, 1, [SERIAL])
    sam.check_message(code)
    with pytest.raises(MacRejected):
        sam.check_message(code[:-1] + bytes([code[-1] ^ 1]))


def test_a_key_the_module_does_not_hold_is_not_delivered(psam: Psam) -> None:
    sam = SamSession(MemoryTransport(psam))
    sam.open()
    with pytest.raises(ApduError, match=r"DELIVERY KEY .* 6A88"):
        sam.delivery_key(TAC_USAGE, 9, [SERIAL])


def test_an_unblock_without_mac() -> None:
    script = ScriptedTransport((commands_sam.application_unblock().to_bytes().hex(), "9000"))
    SamSession(script).application_unblock()
    script.assert_finished()
