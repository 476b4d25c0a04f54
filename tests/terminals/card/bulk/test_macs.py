"""Lanes, DES and MACs in bulk against the library, one by one."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminals.card import crypto
from terminals.card.bulk import macs
from terminals.card.bulk.des import cbc_mac
from terminals.card.bulk.lanes import transpose
from terminals.card.bulk.macs import LANES, Octets, des_macs


def drawn(seed: int, *shape: int) -> Octets:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def one_by_one(keys8: Octets, messages: Octets) -> list[bytes]:
    pairs = zip(keys8, messages, strict=True)
    return [crypto.des_mac(key.tobytes(), message.tobytes()) for key, message in pairs]


@given(columns=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_transposition(columns: int, seed: int) -> None:
    before = np.random.default_rng(seed).integers(0, 2**64, (64, columns), np.uint64)
    matrix = before.copy()
    transpose(matrix)
    for column in range(columns):
        bits = np.unpackbits(
            before[:, column].astype("<u8").view(np.uint8).reshape(64, 8), 1, bitorder="little"
        )
        turned = np.packbits(bits.T.copy(), 1, bitorder="little").view("<u8").ravel()
        assert (turned == matrix[:, column]).all()
    transpose(matrix)
    assert (matrix == before).all()


def test_known_answers() -> None:
    """FIPS 113 (whose message is padded with zeros) and the purse's own worked example."""
    key, text = bytes.fromhex("0123456789ABCDEF"), b"7654321 Now is the time for "
    padded = np.frombuffer(text + bytes(4), np.uint8).reshape(1, 4, 8)
    rows = [macs._rows(padded[:, block]) for block in range(4)]
    result = cbc_mac(macs._rows(np.frombuffer(key, np.uint8).reshape(1, 8)), rows)
    transpose(result)
    assert macs._octets(result, 1)[0].tobytes() == bytes.fromhex("F1D30F6849312CA4")

    session = np.frombuffer(bytes.fromhex("9B1D924E05595603"), np.uint8).reshape(1, 8)
    mac2 = np.frombuffer(bytes.fromhex("00001000 01 001122334455 20111221 214822"), np.uint8)
    assert des_macs(session, mac2.reshape(1, -1)).tobytes() == bytes.fromhex("3A845BF0")


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 200), length=st.integers(0, 40), seed=st.integers(0, 2**32))
def test_equal_to_the_library(count: int, length: int, seed: int) -> None:
    """Any number of messages, any length: whole blocks, none, and what the purse uses (18 to 24 bytes)."""
    keys8, messages = drawn(seed, count, 8), drawn(seed + 1, count, length)
    found = des_macs(keys8, messages)
    assert found.shape == (count, 4)
    assert [mac.tobytes() for mac in found] == one_by_one(keys8, messages)


@pytest.mark.parametrize("count", [1, 63, 64, 65, LANES - 1, LANES, LANES + 1])
def test_every_lane_is_its_own(count: int) -> None:
    """Sizes around a word and around a pass; all lanes against the library."""
    keys8, messages = drawn(count, count, 8), drawn(count + 1, count, 22)
    assert des_macs(keys8, messages).tobytes() == b"".join(one_by_one(keys8, messages))


def test_memory_is_bounded() -> None:
    """Eight passes take no more than one: what a pass needs is given back."""
    keys8, messages = drawn(1, 8 * LANES, 8), drawn(2, 8 * LANES, 22)
    tracemalloc.start()
    try:
        result = des_macs(keys8, messages)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    needed = (peak - result.nbytes) / 2**20
    print(f"{needed:.1f} MB beside messages and result")
    assert needed < 16


def test_parity_bits_of_keys_do_not_count() -> None:
    keys8, messages = drawn(1, 64, 8), drawn(2, 64, 22)
    assert (des_macs(keys8, messages) == des_macs(keys8 ^ 1, messages)).all()
    assert (des_macs(keys8, messages) != des_macs(keys8 ^ 2, messages)).any(axis=1).all()


def test_inputs_are_left_alone() -> None:
    keys8, messages = drawn(1, 100, 8), drawn(2, 100, 24)
    before = keys8.copy(), messages.copy()
    des_macs(keys8, messages)
    assert (keys8 == before[0]).all()
    assert (messages == before[1]).all()


@pytest.mark.parametrize("shape", [(3, 8), (2, 7), (2, 16)])
def test_each_message_needs_a_key(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="one key of 8 bytes"):
        des_macs(np.zeros(shape, np.uint8), np.zeros((2, 22), np.uint8))


def test_a_mac_needs_a_block() -> None:
    with pytest.raises(ValueError, match="at least one block"):
        cbc_mac(np.zeros((64, 1), np.uint64), [])
