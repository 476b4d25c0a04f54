from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card import crypto
from terminals.card.errors import CardError, FormatError, SuiteIncomplete, SuiteUnknown
from terminals.card.suites import SM4, TRIPLE_DES, Suite, SuiteRegistry, suite_for
from tests.terminals.card.vectors import vector

KEY = bytes.fromhex("11223344556677888877665544332211")
SERIAL = bytes.fromhex("5170070104791381")
SUITES = pytest.mark.parametrize("suite", [TRIPLE_DES, SM4], ids=lambda suite: suite.name)
keys = st.binary(min_size=16, max_size=16)
factors = st.binary(min_size=8, max_size=8)


def test_the_block_of_the_sm4_standard() -> None:
    given_, expected = vector("sm4-block")
    key, block = bytes.fromhex(given_["key"]), bytes.fromhex(given_["data"])
    cipher = SM4.encrypt_ecb(key, block)
    assert cipher.hex().upper() == expected["cipher"]
    assert SM4.decrypt_ecb(key, cipher) == block


def test_3des_is_the_purse_s_own_arithmetic() -> None:
    assert TRIPLE_DES.diversify(KEY, SERIAL) == crypto.diversify(KEY, SERIAL)
    assert TRIPLE_DES.session_key(KEY, bytes(8)) == crypto.encrypt_ecb(KEY, bytes(8))
    assert TRIPLE_DES.session_mac(KEY[:8], b"amount") == crypto.des_mac(KEY[:8], b"amount")
    assert TRIPLE_DES.folded_mac(KEY, b"record") == crypto.des_mac(crypto.tac_key(KEY), b"record")
    assert TRIPLE_DES.mac(KEY, b"header and data", bytes(4)) == crypto.retail_mac(KEY, b"header and data")
    assert TRIPLE_DES.kcv(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")).hex().upper() == "08D7B4"


def test_sm4_diversifies_by_one_block_of_factor_and_complement() -> None:
    complement = bytes(byte ^ 0xFF for byte in SERIAL)
    assert SM4.diversify(KEY, SERIAL) == SM4.encrypt_ecb(KEY, SERIAL + complement)


def test_sm4_macs_chain_blocks_of_sixteen_from_the_challenge() -> None:
    challenge, data = bytes.fromhex("C0300764594D6D8D"), bytes(range(20))
    padded = data + b"\x80" + bytes(11)
    first = SM4.encrypt_ecb(KEY, crypto.xor(padded[:16], challenge + bytes(8)))
    second = SM4.encrypt_ecb(KEY, crypto.xor(padded[16:], first))
    assert SM4.mac(KEY, data, challenge) == second[:4]


def test_the_sm4_check_value_is_a_cmac_and_no_plain_encryption() -> None:
    # CMAC of one whole block: E(block xor K1), K1 the doubled encryption of zeros (NIST SP 800-38B).
    zeros = int.from_bytes(SM4.encrypt_ecb(KEY, bytes(16)))
    subkey = (zeros << 1 ^ (0x87 if zeros >> 127 else 0)) & ((1 << 128) - 1)
    assert SM4.kcv(KEY) == SM4.encrypt_ecb(KEY, subkey.to_bytes(16))[:3]


@SUITES
@given(key=keys, first=factors, second=factors)
def test_levels_feed_each_other(suite: Suite, key: bytes, first: bytes, second: bytes) -> None:
    assert suite.diversify(key, first, second) == suite.diversify(suite.diversify(key, first), second)
    assert suite.diversify(key) == key


@SUITES
@given(key=keys, data=st.binary(max_size=200))
def test_encrypted_data_comes_back(suite: Suite, key: bytes, data: bytes) -> None:
    clear = suite.length_prefixed(data)
    assert len(clear) % suite.block == 0
    assert suite.without_length(suite.decrypt_ecb(key, suite.encrypt_ecb(key, clear))) == data


@SUITES
@given(key=keys, data=st.binary(max_size=60), bit=st.integers(0, 10_000))
def test_a_changed_bit_changes_the_mac(suite: Suite, key: bytes, data: bytes, bit: int) -> None:
    changed = bytearray(data + b"\x01")
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    assert len(suite.mac(key, data)) == 4
    # Four bytes can agree by chance once in four thousand million.
    assert suite.mac(key, bytes(changed)) != suite.mac(key, data + b"\x01")


@pytest.mark.parametrize("clear", [b"", b"\x05abc", b"\x01a" + bytes(14), b"\x10" + bytes(15)])
def test_false_padding_is_refused(clear: bytes) -> None:
    with pytest.raises(FormatError):
        SM4.without_length(clear)


@pytest.mark.parametrize("call", [SM4.session_key, SM4.session_mac, SM4.folded_mac])
def test_what_is_not_published_is_not_guessed(call: object) -> None:
    with pytest.raises(SuiteIncomplete, match="not published"):
        call(KEY, bytes(8))  # type: ignore[operator]


@pytest.mark.parametrize("algorithm", [0x00, 0x01])
def test_cards_in_the_field_are_3des(algorithm: int) -> None:
    assert suite_for(1, algorithm) is TRIPLE_DES


def test_the_issuer_decides_and_the_echo_has_to_agree() -> None:
    registry = SuiteRegistry({1: TRIPLE_DES, 2: SM4})
    assert registry.suite_for(1, 0x00) is TRIPLE_DES
    assert registry.suite_for(2, 0x04) is SM4
    with pytest.raises(SuiteUnknown, match="00 does not agree with SM4 of key version 2"):
        registry.suite_for(2, 0x00)
    with pytest.raises(SuiteUnknown, match="04 does not agree with 3DES of key version 1"):
        registry.suite_for(1, 0x04)
    with pytest.raises(SuiteUnknown, match="key version 3"):
        registry.suite_for(3, 0x00)


@given(st.integers(), st.integers())
def test_any_pair_has_a_suite_or_a_typed_error(version: int, algorithm: int) -> None:
    try:
        assert suite_for(version, algorithm) is TRIPLE_DES
    except CardError:
        assert version not in range(256) or algorithm not in (0, 1)


def test_an_issuer_may_name_its_own_algorithm_byte() -> None:
    registry = SuiteRegistry({9: SM4}, {0x77: SM4})
    assert registry.suite_for(9, 0x77) is SM4
