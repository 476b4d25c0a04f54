"""Packed lists: found what is in them, nothing else, quickly; and a difference makes exactly the newer list."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.wire.packed import EMPTY, ENTRY_BYTES, PackedCards, PackedError, pack_number

SINCE = datetime(2026, 3, 2, 4, tzinfo=UTC)
card_numbers = st.from_regex(r"[0-9]{16}(?:[0-9]{3})?", fullmatch=True)
moments = st.integers(946_684_800, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC))
lists = st.dictionaries(card_numbers, moments, max_size=20)


def test_known_bytes() -> None:
    cards = PackedCards.pack({"0000000000000000001": datetime.fromtimestamp(1, UTC), "0" * 16: SINCE})
    assert cards.to_bytes().hex() == "00000000000000018ac7230489e800000000000169a50b40"
    assert EMPTY.to_bytes() == b""
    assert EMPTY.difference(cards) == bytes.fromhex("00000002") + cards.to_bytes()


@given(lists, card_numbers)
def test_everything_listed_is_found_and_nothing_else(cards: dict[str, datetime], other: str) -> None:
    packed = PackedCards.from_bytes(PackedCards.pack(cards).to_bytes())
    assert {card_no: packed.get(card_no) for card_no in cards} == cards
    assert packed.get(other) == cards.get(other)
    assert len(packed) == len(cards)


@given(lists, lists)
def test_a_difference_makes_the_newer_list(old: dict[str, datetime], new: dict[str, datetime]) -> None:
    before, after = PackedCards.pack(old), PackedCards.pack(new)
    assert before.apply(before.difference(after)).to_bytes() == after.to_bytes()


@given(lists, lists, st.data())
def test_a_damaged_difference_is_an_error_or_another_list_but_no_crash(
    old: dict[str, datetime], new: dict[str, datetime], data: st.DataObject
) -> None:
    before = PackedCards.pack(old)
    difference = bytearray(before.difference(PackedCards.pack(new)))
    difference[data.draw(st.integers(0, len(difference) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        before.apply(bytes(difference[: data.draw(st.integers(0, len(difference)))]))
    except PackedError:
        return


@pytest.mark.parametrize(
    "content", [b"1", bytes(24), bytes.fromhex("00" * 7 + "02" + "00" * 7 + "01" + "00" * 8)]
)
def test_what_is_no_list_is_refused(content: bytes) -> None:
    with pytest.raises(PackedError):
        PackedCards.from_bytes(content)


def test_a_difference_removes_only_what_is_there() -> None:
    with pytest.raises(PackedError, match="not listed"):
        EMPTY.apply(bytes(4) + bytes(8))
    with pytest.raises(PackedError, match="shorter"):
        EMPTY.apply(bytes(3) + b"\x01")


@pytest.mark.parametrize("number", ["", "1", "1" * 17, "x" * 16, "１" * 16, "-" + "1" * 15])
def test_what_is_no_card_number_is_refused(number: str) -> None:
    with pytest.raises(PackedError):
        pack_number(number)


def test_a_hundred_thousand_cards_are_small_and_found_in_microseconds() -> None:
    cards = {f"{31 * 10**17 + number * 7_919:019}": SINCE for number in range(100_000)}
    packed = PackedCards.pack(cards)
    assert len(packed.to_bytes()) == 100_000 * ENTRY_BYTES
    assert sys.getsizeof(packed.numbers) + sys.getsizeof(packed.moments) < 1_400_000
    wanted = [*list(cards)[::100], *(f"{number:019}" for number in range(1_000))]
    begun = time.perf_counter()
    found = sum(packed.get(card_no) is not None for card_no in wanted)
    took = time.perf_counter() - begun
    assert found == 1_000
    assert took / len(wanted) < 50e-6
    newer = PackedCards.pack(dict(list(cards.items())[1:]) | {"9" * 16: SINCE + timedelta(days=1)})
    assert len(packed.difference(newer)) == 4 + ENTRY_BYTES + 8
