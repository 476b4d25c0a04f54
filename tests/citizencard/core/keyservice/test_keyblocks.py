"""Key blocks: they open under their key for their usage only, and no character of them can be changed."""

from __future__ import annotations

import secrets
import warnings
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psec import tr31

from citizencard.core.keyservice.keyblock import BLOCK_MAX, UnwrappedKey, unwrap, wrap
from citizencard.core.keyservice.keystore import KEY_BYTES, Algorithm, Master, Usage, algorithms_of
from citizencard.core.keyservice.refusal import Code
from tests.citizencard.core.keyservice.office import refusal_of

PROTECTION = bytes(range(32))
KINDS = [(usage, algorithm) for usage in Usage for algorithm in algorithms_of(usage)]


def key_of(usage: Usage, algorithm: Algorithm, version: int = 1, *, exportable: bool = False) -> UnwrappedKey:
    return UnwrappedKey(
        (usage, version), Master(algorithm, secrets.token_bytes(KEY_BYTES[algorithm])), exportable
    )


@pytest.mark.parametrize(("usage", "algorithm"), KINDS)
@pytest.mark.parametrize("exportable", [False, True])
def test_round_trip(usage: Usage, algorithm: Algorithm, exportable: bool) -> None:
    key = key_of(usage, algorithm, 0xFE, exportable=exportable)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        block = wrap(PROTECTION, key)
        assert unwrap(PROTECTION, block, key.name) == key
    assert block[0] == "D"
    assert block[9:12] == "FE" + ("E" if exportable else "N")
    assert key.master.key.hex().upper() not in block
    assert wrap(PROTECTION, key) != block


def test_a_block_of_another_maker_is_read() -> None:
    """Made by psec itself with the header fields of the standard for a 3DES issuer master key."""
    value = secrets.token_bytes(16)
    header = tr31.Header("D", "E0", "T", "X", "02", "N")
    header.blocks["LB"] = "tac of the City"
    block = tr31.wrap(PROTECTION, header, value)
    assert unwrap(PROTECTION, block, (Usage.TAC, 2)).master == Master(Algorithm.DES3, value)


def test_no_two_usages_share_a_header() -> None:
    headers = {
        (block[5:9], usage) for usage, kind in KINDS for block in [wrap(PROTECTION, key_of(usage, kind))]
    }
    assert len({header for header, _ in headers}) == len(KINDS)


@pytest.mark.parametrize(("made", "claimed"), list(permutations(Usage, 2)))
def test_a_block_of_one_usage_is_none_of_another(made: Usage, claimed: Usage) -> None:
    for algorithm in algorithms_of(made):
        block = wrap(PROTECTION, key_of(made, algorithm))
        refusal = refusal_of(lambda: unwrap(PROTECTION, block, (claimed, 1)))  # noqa: B023 -- called at once
        assert refusal.code is Code.KEY_BLOCK_INVALID
        assert "usage" in refusal.message


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (("D", "E0", "T", "X", "02", "N"), "version"),
        (("D", "E0", "T", "X", "00", "N"), "version"),
        (("D", "E0", "T", "N", "01", "N"), "mode"),
        (("D", "E0", "T", "E", "01", "N"), "mode"),
        (("D", "E0", "A", "X", "01", "N"), "algorithm"),
        (("D", "E0", "D", "X", "01", "N"), "algorithm"),
        (("D", "E0", "T", "X", "01", "S"), "untrusted"),
    ],
)
def test_each_header_field_must_fit(header: tuple[str, ...], rule: str) -> None:
    block = tr31.wrap(PROTECTION, tr31.Header(*header), bytes(16))
    refusal = refusal_of(lambda: unwrap(PROTECTION, block, (Usage.TAC, 1)))
    assert refusal.code is Code.KEY_BLOCK_INVALID
    assert rule in refusal.message


@pytest.mark.parametrize("length", [8, 24])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    block = tr31.wrap(PROTECTION, tr31.Header("D", "E0", "T", "X", "01", "N"), bytes(length))
    assert "length" in refusal_of(lambda: unwrap(PROTECTION, block, (Usage.TAC, 1))).message


def test_older_versions_of_the_standard_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        block = tr31.wrap(bytes(range(16)), tr31.Header("B", "E0", "T", "X", "01", "N"), bytes(range(16)))
    assert "version D" in refusal_of(lambda: unwrap(PROTECTION, block, (Usage.TAC, 1))).message


def test_another_protection_key_does_not_open_it() -> None:
    block = wrap(PROTECTION, key_of(Usage.TAC, Algorithm.DES3))
    refusal = refusal_of(lambda: unwrap(bytes(32), block, (Usage.TAC, 1)))
    assert refusal.code is Code.KEY_BLOCK_INVALID
    assert block not in refusal.message


def test_no_single_character_can_be_changed() -> None:
    tried = 0
    for usage, algorithm in [(Usage.TAC, Algorithm.DES3), (Usage.PII_DEK, Algorithm.AES)]:
        block = wrap(PROTECTION, key_of(usage, algorithm))
        for at, right in enumerate(block):
            for wrong in {chr(code) for code in range(128)} - {right}:
                changed = block[:at] + wrong + block[at + 1 :]
                refusal = refusal_of(lambda: unwrap(PROTECTION, changed, (usage, 1)))  # noqa: B023 -- at once
                assert refusal.code is Code.KEY_BLOCK_INVALID
                tried += 1
    assert tried == (112 + 144) * 127


@given(
    st.text(max_size=BLOCK_MAX + 10) | st.from_regex(r"D[0-9]{4}[0-9A-Z]{11}[0-9A-F]{0,200}", fullmatch=True)
)
def test_anything_else_is_refused_in_the_same_words(text: str) -> None:
    assert refusal_of(lambda: unwrap(PROTECTION, text, (Usage.TAC, 1))).code is Code.KEY_BLOCK_INVALID
