from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from terminals.card.apdu import Command, WrongPin
from terminals.card.commands import AuthenticateMode, BalancePart
from terminals.card.crypto import decrypt_ecb, encrypt_ecb, retail_mac
from terminals.card.errors import FormatError
from terminals.card.keys import KeySlot
from terminals.card.profile import T_UNION
from terminals.card.purse import PurseSession, TransactionProof, pin_block
from tests.terminals.card.scripted import ScriptedTransport
from tests.terminals.card.vectors import vector
from tests.terminals.cards import KEYS, PIN, public_info


def moment(fields: dict[str, str]) -> datetime:
    return datetime.strptime(fields["date"] + fields["time"], "%Y%m%d%H%M%S")


def test_a_metro_purchase_recorded_in_shanghai() -> None:
    given_, expected = vector("shanghai-capp-purchase-1")
    script = ScriptedTransport(
        (given_["init_apdu"] + "0F", given_["init_response"] + "9000"),
        (given_["update_cache_apdu"], "9000"),
        (given_["debit_apdu"] + "08", given_["debit_response"] + "9000"),
    )
    session = PurseSession(script)
    init = session.init_purchase(expected["amount"], bytes.fromhex(expected["terminal"]), capp=True)
    wanted = expected["init"]
    assert (init.balance_fen, init.offline_atc) == (wanted["balance"], wanted["offline_atc"])
    assert init.overdraft_limit_fen == wanted["overdraft_limit"]
    assert init.rand.hex().upper() == wanted["random"]
    assert init.funds_fen == expected["private_record_balance_le24_bytes6_8"]["before"]
    cached = Command.parse(bytes.fromhex(given_["update_cache_apdu"]))
    session.update_capp_cache(sfi=7, record=cached.data, reference=1, mode=3)
    debit = expected["debit"]
    proof = session.debit_for_purchase(
        int(debit["terminal_seq"], 16), moment(debit), bytes.fromhex(debit["MAC1"])
    )
    assert proof.tac.hex().upper() == expected["TAC"]
    assert proof.mac2.hex().upper() == expected["MAC2"]
    script.assert_finished()


def test_a_debit_recorded_on_a_motorway() -> None:
    given_, expected = vector("etc-debit-for-capp")
    script = ScriptedTransport((given_["debit_apdu"] + "08", given_["debit_response"]))
    debit = expected["debit"]
    proof = PurseSession(script).debit_for_purchase(
        int(debit["terminal_seq"], 16), moment(debit), bytes.fromhex(debit["MAC1"])
    )
    assert (proof.tac.hex().upper(), proof.mac2.hex().upper()) == (expected["TAC"], expected["MAC2"])


@pytest.mark.parametrize("name", ["hangzhou-balance", "balance-top-bit", "hce-tunion-ef15"])
def test_balances_of_real_cards(name: str) -> None:
    given_, expected = vector(name)
    script = ScriptedTransport(("805C000204", given_["get_balance_response"] + "9000"))
    assert PurseSession(script).balance_fen() == expected["balance_fen"]


def test_the_balance_of_a_t_union_card() -> None:
    assert PurseSession(ScriptedTransport(("805C000204", "00000AC39000"))).balance_fen() == 2755


def test_the_log_stops_where_the_records_stop_and_skips_empty_ones() -> None:
    given_, expected = vector("tunion-log-record")
    script = ScriptedTransport(
        ("00B201C417", given_["record"] + "9000"),
        ("00B202C417", "00" * 23 + "9000"),
        ("00B203C417", "FF" * 23 + "9000"),
        ("00B204C417", "6A83"),
    )
    records = PurseSession(script).log()
    assert [record.sequence for record in records] == [expected["seq"]]
    script.assert_finished()


def test_a_family_may_answer_proofs_in_the_other_order() -> None:
    exchange = ("805A000902003708", "C630C2C8ABCC913B9000")
    other = replace(T_UNION, proof_tac_first=True)
    first, second = bytes.fromhex("C630C2C8"), bytes.fromhex("ABCC913B")
    assert PurseSession(ScriptedTransport(exchange)).transaction_prove(9, 55) == TransactionProof(
        first, second
    )
    assert PurseSession(ScriptedTransport(exchange), other).transaction_prove(9, 55) == TransactionProof(
        second, first
    )


FCI = "6F318408A000000632010105A5259F0801029F0C1E"
EF15 = "01011000FFFFFFFF02010310517007010479138120190718204012310000"
SELECT = "00A4040008A00000063201010500"


@pytest.mark.parametrize(
    "answer", ["", "6F0A8408A000000632010105", "6F128408A000000632010105A5069F0C03010203", "6F05"]
)
def test_a_card_that_says_nothing_in_its_fci_is_known_by_its_file(answer: str) -> None:
    script = ScriptedTransport((SELECT, answer + "9000"), ("00B095001E", EF15 + "9000"))
    assert PurseSession(script).identify().serial == "03105170070104791381"
    script.assert_finished()


def test_a_card_is_known_by_its_fci_alone() -> None:
    script = ScriptedTransport((SELECT, FCI + EF15 + "9000"))
    assert PurseSession(script).identify().serial == "03105170070104791381"
    script.assert_finished()


def test_t_union_cards_tell_the_parts_of_a_balance() -> None:
    script = ScriptedTransport(
        ("805C010204", "00000320" + "9000"),
        ("805C020204", "00000064" + "9000"),
        ("805C030204", "00000000" + "9000"),
    )
    session = PurseSession(script)
    parts = (BalancePart.OVERDRAFT_LIMIT, BalancePart.OVERDRAFT_USED, BalancePart.FUNDS)
    assert [session.balance_fen(part) for part in parts] == [800, 100, 0]


def test_a_variable_record_is_read_and_cached_by_its_first_byte() -> None:
    record = bytes.fromhex("AA29") + bytes(41)
    script = ScriptedTransport(
        ("00B2AAC800", record.hex() + "9000"),
        ("80DCAAC82B" + record.hex(), "9000"),
    )
    session = PurseSession(script)
    session.cache_record(0x19, session.record(0x19, 0xAA))
    script.assert_finished()


def test_the_authentication_code_of_a_city_card() -> None:
    script = ScriptedTransport(("80CA000009", "010203040506070809" + "9000"))
    assert PurseSession(script).message() == bytes(range(1, 10))


def test_a_log_record_may_come_with_more_than_was_asked_for() -> None:
    given_, expected = vector("tunion-log-record")
    script = ScriptedTransport(("00B201C417", given_["record"] + "FFFF9000"), ("00B202C417", "6A83"))
    assert [record.sequence for record in PurseSession(script).log()] == [expected["seq"]]


def test_a_pin_is_changed_by_its_holder(purse: PurseSession) -> None:
    purse.change_pin(PIN, "00998877")
    purse.verify_pin("00998877")
    with pytest.raises(WrongPin):
        purse.change_pin(PIN, "111111")


def test_the_card_shows_that_it_holds_its_identity_key(purse: PurseSession) -> None:
    key, challenge = KEYS.of(KeySlot.IDENTITY, public_info().serial8), b"CHALLENG"
    encrypted = purse.internal_authenticate(AuthenticateMode.ENCRYPT, 1, challenge)
    decrypted = purse.internal_authenticate(AuthenticateMode.DECRYPT, 1, challenge)
    mac = purse.internal_authenticate(AuthenticateMode.MAC, 1, challenge)
    assert decrypt_ecb(key, encrypted) == encrypt_ecb(key, decrypted) == challenge
    assert mac[:4] == retail_mac(key, challenge)


@pytest.mark.parametrize(("pin", "block"), [("1234", "1234"), ("12345", "12345f"), ("123456", "123456")])
def test_pin_blocks(pin: str, block: str) -> None:
    assert pin_block(pin).hex() == block


@pytest.mark.parametrize("pin", ["", "123", "1234567890123", "12a4", "１２３４"])
def test_false_pins_are_refused_before_they_cost_a_try(pin: str) -> None:
    with pytest.raises(FormatError, match="4 to 12 digits"):
        PurseSession(ScriptedTransport()).verify_pin(pin)


@pytest.mark.parametrize(("amount", "terminal"), [(-1, bytes(6)), (1 << 31, bytes(6)), (1, bytes(5))])
def test_amounts_and_terminals_that_do_not_fit_are_never_sent(amount: int, terminal: bytes) -> None:
    with pytest.raises(FormatError):
        PurseSession(ScriptedTransport()).init_purchase(amount, terminal)
