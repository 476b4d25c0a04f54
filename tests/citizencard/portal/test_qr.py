"""The QR code is read back by a reader of its own: format, mask, blocks, and check bytes that leave no remainder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segno import DataOverflowError

from citizencard.portal.qr import BYTES_MAX, qr_svg

TEXTS = st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=33), min_size=1, max_size=BYTES_MAX)
SIZE, QUIET = 49, 4
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


def modules_of(svg: str) -> list[list[bool]]:
    """The modules of a picture, row by row: its line goes from dark run to dark run."""
    x, y, modules = 0.0, 0.0, [[False] * SIZE for _ in range(SIZE)]
    for command, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", dark_line(svg)):
        if command == "h":
            row, begin = int(y - QUIET), int(x - QUIET)
            modules[row][begin : begin + int(first)] = [True] * int(first)
            x += float(first)
        else:
            x, y = (float(first), float(second)) if command == "M" else (x + float(first), y + float(second))
    return modules


def dark_line(svg: str) -> str:
    line = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert line is not None
    return line[1]


MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda y, x: (y + x) % 2 == 0,
    lambda y, x: y % 2 == 0,
    lambda y, x: x % 3 == 0,
    lambda y, x: (y + x) % 3 == 0,
    lambda y, x: (y // 2 + x // 3) % 2 == 0,
    lambda y, x: y * x % 2 + y * x % 3 == 0,
    lambda y, x: (y * x % 2 + y * x % 3) % 2 == 0,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2 == 0,
)


def read(svg: str) -> str:
    """As a scanner does, once it has found the corners."""
    modules = modules_of(svg)
    assert [row[:7] for row in modules[:7]] == [[module == "#" for module in row] for row in FINDER]
    # The first five of the format's bits, unmasked: level M is 00, then the mask (table C.1).
    form = int("".join("01"[modules[8][x]] for x in range(5)), 2) ^ 0b10101
    assert form >> 3 == 0b00
    mask = MASKS[form & 0b111]
    bits = "".join("01"[modules[y][x] ^ mask(y, x)] for y, x in path())
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


def multiply(left: int, right: int) -> int:
    """In the field of 256 elements with polynomial 285."""
    product = 0
    for bit in range(8):
        product ^= (left << bit) * (right >> bit & 1)
    for bit in range(14, 7, -1):
        product ^= (285 << bit - 8) * (product >> bit & 1)
    return product


@settings(max_examples=10, deadline=None)
@given(TEXTS)
def test_what_is_written_is_read(text: str) -> None:
    assert read(qr_svg(text)) == text


def test_the_picture_has_a_quiet_border_and_a_text_too_long_is_refused() -> None:
    assert 'viewBox="0 0 57 57"' in qr_svg("x" * BYTES_MAX)
    with pytest.raises(DataOverflowError):
        qr_svg("x" * (BYTES_MAX + 1))
