from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from terminals.card.apdu import Command
from terminals.card.errors import FormatError
from terminals.card.profile import T_UNION
from terminals.card.purse import LoadInit, PurchaseInit, PurseSession, TransactionProof, pin_block
from terminals.card.sam import SamSession
from tests.terminals.card.scripted import ScriptedTransport
from tests.terminals.card.vectors import vector


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


def test_the_published_load() -> None:
    given_, expected = vector("load-apdus")
    # The page loads an electronic deposit (P2 01); this project loads the purse (P2 02).
    init_apdu = expected["init_apdu_without_le"].replace("80500001", "80500002", 1)
    script = ScriptedTransport(
        (init_apdu + "10", given_["init_response"] + "9000"),
        (expected["credit_apdu_without_le"] + "04", "6314E5F5" + "9000"),
    )
    session = PurseSession(script)
    init = session.init_load(0x1000, bytes.fromhex(given_["init_fields"]["terminal"]))
    parsed = expected["parsed"]
    assert init == LoadInit(0, 0, 2, 0, bytes.fromhex(parsed["random"]), bytes.fromhex(parsed["MAC1"]))
    credit = given_["credit_fields"]
    assert session.credit_for_load(moment(credit), bytes.fromhex(credit["mac2"])).hex() == "6314e5f5"
    script.assert_finished()


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
