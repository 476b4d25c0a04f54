from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card import crypto
from tests.terminals.card.vectors import vector

KEY = bytes.fromhex("11223344556677888877665544332211")
TERMINAL = bytes.fromhex("001122334455")
RAND = bytes.fromhex("11223344")


def at(day: str, time: str) -> datetime:
    return datetime.strptime(day + time, "%Y%m%d%H%M%S")


def test_load_session_key() -> None:
    _, expected = vector("load-session-key")
    assert crypto.load_session_key(KEY, RAND, 0).hex().upper() == expected["SESLK"]


def test_load_mac1_of_the_card() -> None:
    given_, expected = vector("load-apdus")
    key = crypto.load_session_key(KEY, RAND, 0)
    assert given_["init_fields"]["terminal"] == TERMINAL.hex()
    assert crypto.load_mac1(key, 0, 0x1000, 1, TERMINAL).hex().upper() == expected["parsed"]["MAC1"]


def test_load_mac2_of_the_host() -> None:
    given_, expected = vector("load-mac2")
    key = crypto.load_session_key(KEY, RAND, 0)
    when = at(given_["date"], given_["time"])
    assert crypto.load_mac2(key, 0x1000, 1, TERMINAL, when).hex().upper() == expected["MAC2"]


def test_purchase_mac1_of_the_sam() -> None:
    given_, expected = vector("purchase-mac1")
    key = crypto.purchase_session_key(KEY, RAND, 0, 1)
    when = at(given_["date"], given_["time"])
    assert crypto.purchase_mac1(key, 0x1000, 6, TERMINAL, when).hex().upper() == expected["MAC1"]


def test_only_the_low_half_of_the_terminal_sequence_enters_the_session_key() -> None:
    assert crypto.purchase_session_key(KEY, RAND, 7, 0x0001_0002) == crypto.purchase_session_key(
        KEY, RAND, 7, 2
    )


def test_tacs_of_the_worked_example() -> None:
    # Key of the published page; the values were computed independently of this code.
    dtk = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    purchase = crypto.purchase_tac(dtk, 0x1000, 6, TERMINAL, 1, at("20120229", "135100"))
    assert purchase.hex().upper() == "B3A0D49C"


def test_diversification() -> None:
    derived = crypto.diversify(KEY, bytes.fromhex("5170070104791381"))
    assert derived.hex().upper() == "85B3F8D3A5E6E6A4BEBC4306CAAB53B4"


def test_levels_feed_each_other() -> None:
    city, card = b"CITYCITY", b"CARDCARD"
    assert crypto.diversify_levels(KEY, city, card) == crypto.diversify(crypto.diversify(KEY, city), card)


def test_single_des_mac() -> None:
    given_, expected = vector("iso9797-alg1-method2-string2")
    mac = crypto.des_mac(bytes.fromhex(given_["key"]), bytes.fromhex(given_["data"]))
    assert mac.hex().upper() == expected["MAC4"]


@pytest.mark.parametrize("name", ["iso9797-alg3-method2-string2", "icao9303-d3-mac-ifd"])
def test_retail_mac(name: str) -> None:
    given_, expected = vector(name)
    mac = crypto.retail_mac(bytes.fromhex(given_["key"]), bytes.fromhex(given_["data"]), length=8)
    assert mac.hex().upper() == expected["MAC8"]


def test_check_value_of_a_well_known_key() -> None:
    assert crypto.kcv(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")).hex().upper() == "08D7B4"


def test_aware_times_are_turned_into_shanghai_time() -> None:
    assert crypto.bcd_time(datetime(2026, 12, 31, 16, 30, 5, tzinfo=UTC)).hex() == "20270101003005"


def test_naive_times_are_local() -> None:
    assert crypto.bcd_time(at("20261231", "163005")).hex() == "20261231163005"


@given(st.binary(max_size=40))
def test_padding_always_grows_to_whole_blocks(data: bytes) -> None:
    padded = crypto.pad80(data)
    assert len(padded) % 8 == 0
    assert len(data) < len(padded) <= len(data) + 8
    assert padded.rstrip(b"\x00") == data + b"\x80"


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8))
def test_decryption_undoes_encryption(key: bytes, block: bytes) -> None:
    assert crypto.decrypt_ecb(key, crypto.encrypt_ecb(key, block)) == block


def test_other_key_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="8 or 16 bytes"):
        crypto.encrypt_ecb(bytes(24), bytes(8))
