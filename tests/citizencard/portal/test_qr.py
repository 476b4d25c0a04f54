"""The QR code is read back by a reader of its own: format, mask, blocks, and check bytes that leave no remainder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizencard.portal.qr import BYTES_MAX, SIZE, multiply, qr_modules, qr_svg

TEXTS = st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=33), min_size=1, max_size=BYTES_MAX)
FINDER = ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"]
DATA, CHECKS = (38, 38, 39, 39), 22


def is_data(y: int, x: int) -> bool:
    """Where a version 8 code has neither pattern nor format nor version (figures 4 and 25 of the standard)."""
    if (y < 9 and x < 9) or (y < 9 and x > SIZE - 9) or (y > SIZE - 9 and x < 9) or 6 in (y, x):
        return False
    if (y < 6 and x > SIZE - 12) or (x < 6 and y > SIZE - 12):
        return False
    centres = [(6, 24), (24, 6), (24, 24), (24, 42), (42, 24), (42, 42)]
    return not any(abs(y - cy) <= 2 and abs(x - cx) <= 2 for cy, cx in centres)


def read(modules: list[list[bool]]) -> str:
    """As a scanner does, once it has found the corners."""
    bits = "".join("01"[modules[y][x] ^ ((y + x) % 2 == 0)] for y, x in path())
    blocks = sorted_out([int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)])
    assert all(fits(block) for block in blocks), "the check bytes do not fit"
    stream = b"".join(bytes(block[:size]) for block, size in zip(blocks, DATA, strict=True))
    whole = int.from_bytes(stream)
    length = whole >> 8 * len(stream) - 12 & 0xFF
    assert whole >> 8 * len(stream) - 4 == 0b0100
    return (whole >> 8 * (len(stream) - length) - 12 & (1 << 8 * length) - 1).to_bytes(length).decode()


def path() -> Iterator[tuple[int, int]]:
    """Two columns at a time from the right, up and down in turn, past the timing column."""
    column, up = SIZE - 1, True
    while column > 0:
        column -= column == 6
        for y in reversed(range(SIZE)) if up else range(SIZE):
            yield from ((y, x) for x in (column, column - 1) if is_data(y, x))
        column, up = column - 2, not up


def sorted_out(words: list[int]) -> list[list[int]]:
    """The blocks that were interleaved: data first, then check bytes."""
    blocks: list[list[int]] = [[] for _ in DATA]
    queue = iter(words)
    for at in range(max(DATA)):
        for block, size in zip(blocks, DATA, strict=True):
            if at < size:
                block.append(next(queue))
    for _ in range(CHECKS):
        for block in blocks:
            block.append(next(queue))
    assert next(queue, None) is None
    return blocks


def fits(block: list[int]) -> bool:
    """Whether the block, as a polynomial, is zero at each power of two (Reed-Solomon syndromes)."""
    root = 1
    for _ in range(CHECKS):
        value = 0
        for word in block:
            value = multiply(value, root) ^ word
        if value:
            return False
        root = multiply(root, 2)
    return True


@settings(max_examples=10, deadline=None)
@given(TEXTS)
def test_what_is_written_is_read(text: str) -> None:
    assert read(qr_modules(text)) == text


def test_patterns_format_and_version_stand_where_a_reader_looks() -> None:
    rows = ["".join(".#"[module] for module in row) for row in qr_modules("CC1.")]
    assert [row[:7] for row in rows[:7]] == [row[-7:] for row in rows[:7]] == FINDER
    assert [row[:7] for row in rows[-7:]] == FINDER
    assert rows[6][8:-8] == "#." * 16 + "#"
    assert [row[22:27] for row in rows[22:27]] == ["#####", "#...#", "#.#.#", "#...#", "#####"]
    # Level M with mask 0 is 101010000010010, version 8 is 001000010110111100 (annexes C and D).
    first = "".join(rows[8][x] for x in (0, 1, 2, 3, 4, 5, 7, 8)) + "".join(
        rows[y][8] for y in (7, 5, 4, 3, 2, 1, 0)
    )
    assert first == "".join(".#"[bit == "1"] for bit in "101010000010010")
    second = "".join(rows[SIZE - 1 - at][8] for at in range(7)) + rows[8][-8:]
    assert second == first
    version = "".join(rows[at // 3][SIZE - 11 + at % 3] for at in reversed(range(18)))
    assert version == "".join(".#"[bit == "1"] for bit in "001000010110111100")
    assert rows[SIZE - 8][8] == "#"


def test_the_field_is_the_standards() -> None:
    """Powers of two run through all elements but zero (polynomial 285)."""
    value, seen = 1, set()
    for _ in range(255):
        seen.add(value)
        value = multiply(value, 2)
    assert (value, len(seen), multiply(0x80, 2)) == (1, 255, 0x1D)


def test_the_picture_has_a_quiet_border_and_a_text_too_long_is_refused() -> None:
    assert 'viewBox="-4 -4 57 57"' in qr_svg("x" * BYTES_MAX)
    with pytest.raises(ValueError, match="152"):
        qr_svg("x" * (BYTES_MAX + 1))
