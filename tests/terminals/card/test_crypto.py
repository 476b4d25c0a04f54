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


def test_the_load_tac_of_the_worked_example() -> None:
    dtk = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    tac = crypto.load_tac(dtk, 0x1000, 0, 0x1000, 1, TERMINAL, at("20111221", "214822"))
    assert tac.hex().upper() == "6314E5F5"


def test_an_unload_is_confirmed_under_the_session_key() -> None:
    key, when = crypto.load_session_key(KEY, RAND, 7), at("20111221", "214822")
    signed = bytes.fromhex("00000F0000070000010003") + TERMINAL + crypto.bcd_time(when)
    assert crypto.unload_mac3(key, 0xF00, 7, 0x100, TERMINAL, when) == crypto.des_mac(key, signed)


def test_an_overdraft_update_signs_old_limit_new_limit_and_the_balance_they_make() -> None:
    key, when = crypto.load_session_key(KEY, RAND, 7), at("20111221", "214822")
    rest = b"\x07" + TERMINAL
    old, new, time = bytes.fromhex("000320"), bytes.fromhex("0003E8"), crypto.bcd_time(when)
    balance, after = bytes.fromhex("00000F00"), bytes.fromhex("00000FC8")
    assert crypto.overdraft_mac1(key, 0xF00, 800, TERMINAL) == crypto.des_mac(key, balance + old + rest)
    assert crypto.overdraft_mac2(key, 1000, TERMINAL, when) == crypto.des_mac(key, new + rest + time)
    assert crypto.overdraft_tac(KEY, 0xFC8, 7, 1000, TERMINAL, when) == crypto.des_mac(
        crypto.tac_key(KEY), after + b"\x00\x07" + new + rest + time
    )


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


def test_retail_mac_of_data_that_fills_its_blocks() -> None:
    # Published without padding; the two steps of the algorithm give it, and padding takes one block more.
    given_, expected = vector("bouncycastle-alg3-nopad")
    key, data = bytes.fromhex(given_["key"]), bytes.fromhex(given_["data"])
    left, right = key[:8], key[8:]
    chained = crypto.encrypt_ecb(left, crypto.xor(crypto.encrypt_ecb(left, data[:8]), data[8:]))
    assert crypto.encrypt_ecb(left, crypto.decrypt_ecb(right, chained)).hex().upper() == expected["MAC8"]
    padding = crypto.xor(chained, b"\x80" + bytes(7))
    last = crypto.encrypt_ecb(left, crypto.decrypt_ecb(right, crypto.encrypt_ecb(left, padding)))
    assert crypto.retail_mac(key, data, length=8) == last


def test_the_chain_of_a_mac_padded_with_zeros() -> None:
    given_, expected = vector("fips113-des-mac-zeropad")
    key, data = bytes.fromhex(given_["key"]), bytes.fromhex(given_["data"])
    data += bytes(-len(data) % 8)
    last = bytes(8)
    for start in range(0, len(data), 8):
        last = crypto.encrypt_ecb(key, crypto.xor(last, data[start : start + 8]))
    assert last.hex().upper() == expected["MAC8"]


def test_check_value_of_a_well_known_key() -> None:
    assert crypto.kcv(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")).hex().upper() == "08D7B4"


def test_aware_times_are_turned_into_shanghai_time() -> None:
    assert crypto.bcd_time(datetime(2026, 12, 31, 16, 30, 5, tzinfo=UTC)).hex() == "20270101003005"


def test_naive_times_are_local() -> None:
    assert crypto.bcd_time(at("20261231", "163005")).hex() == "20261231163005"


def test_years_keep_four_digits() -> None:
    assert crypto.bcd_time(at("09990101", "000000")).hex() == "09990101000000"


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
