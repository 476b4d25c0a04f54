"""A QR code (ISO/IEC 18004) as SVG, for texts of one size: version 8, error correction M, up to 152 bytes.

Only what a ride code needs, so that nothing has to be installed for it. One mask serves: the text is as good as random, and a
reader takes any mask that the code names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

SIZE: Final = 49
BYTES_MAX: Final = 152
_VERSION_BITS: Final = 0b001000_010110111100
"""Version 8 with its BCH check bits (table D.1)."""
_FORMAT_BITS: Final = 0b101010000010010
"""Level M and mask 0, masked (table C.1)."""
_ALIGNMENT: Final = (6, 24, 42)
_BLOCKS: Final = (38, 38, 39, 39)
"""Data codewords of each block (table 9)."""
_CHECK_BYTES: Final = 22
_QUIET: Final = 4
Grid = list[list[bool | None]]


def qr_svg(text: str) -> str:
    """The code as an SVG element, to be put into a page. ValueError for a text that is too long."""
    modules = qr_modules(text)
    runs = "".join(
        f"M{x} {y}h{length}v1h-{length}z" for y, row in enumerate(modules) for x, length in _runs(row)
    )
    side = SIZE + 2 * _QUIET
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-_QUIET} {-_QUIET} {side} {side}" role="img" '
        f'shape-rendering="crispEdges"><rect x="{-_QUIET}" y="{-_QUIET}" width="{side}" height="{side}" fill="#fff"/>'
        f'<path d="{runs}" fill="#000"/></svg>'
    )


def qr_modules(text: str) -> list[list[bool]]:
    """The modules row by row, dark ones True."""
    grid = _frame()
    bits = (byte >> shift & 1 for byte in _codewords(text.encode()) for shift in range(7, -1, -1))
    for (y, x), bit in zip(_places(grid), bits, strict=True):
        grid[y][x] = bool(bit) != ((x + y) % 2 == 0)
    return [[bool(module) for module in row] for row in grid]


def _runs(row: list[bool]) -> Iterator[tuple[int, int]]:
    """Where dark runs begin, and how long they are."""
    at = 0
    while at < SIZE:
        if row[at]:
            begin = at
            while at < SIZE and row[at]:
                at += 1
            yield begin, at - begin
        at += 1


def _frame() -> Grid:
    """Everything that carries no data; None where data goes."""
    grid: Grid = [[None] * SIZE for _ in range(SIZE)]
    for at in range(8, SIZE - 8):
        grid[6][at] = grid[at][6] = at % 2 == 0
    for top, left in ((0, 0), (0, SIZE - 7), (SIZE - 7, 0)):
        _square(grid, top + 3, left + 3, 4, lambda ring: ring not in (2, 4))
    for y in _ALIGNMENT:
        for x in _ALIGNMENT:
            if (y, x) not in ((6, 6), (6, 42), (42, 6)):
                _square(grid, y, x, 2, lambda ring: ring != 1)
    for at in range(18):
        bit = bool(_VERSION_BITS >> at & 1)
        grid[at // 3][SIZE - 11 + at % 3] = grid[SIZE - 11 + at % 3][at // 3] = bit
    for at in range(15):
        _format(grid, at, bool(_FORMAT_BITS >> at & 1))
    grid[SIZE - 8][8] = True
    return grid


def _square(grid: Grid, y: int, x: int, reach: int, dark: Callable[[int], bool]) -> None:
    for row in range(max(0, y - reach), min(SIZE, y + reach + 1)):
        for column in range(max(0, x - reach), min(SIZE, x + reach + 1)):
            ring = max(abs(row - y), abs(column - x))
            grid[row][column] = dark(ring)


def _format(grid: Grid, at: int, bit: bool) -> None:
    """One bit of the format, at both its places (figure 25)."""
    if at < 8:
        grid[at + (at > 5)][8] = bit
        grid[8][SIZE - 1 - at] = bit
    else:
        grid[8][7 if at == 8 else 14 - at] = bit
        grid[SIZE - 15 + at][8] = bit


def _places(grid: Grid) -> Iterator[tuple[int, int]]:
    """Where data goes, in its order: two columns at a time from the right, up and down in turn."""
    upward = True
    for right in (*range(SIZE - 1, 6, -2), 5, 3, 1):
        for y in range(SIZE - 1, -1, -1) if upward else range(SIZE):
            for x in (right, right - 1):
                if grid[y][x] is None:
                    yield y, x
        upward = not upward


def _codewords(data: bytes) -> bytes:
    """Data and check bytes of all blocks, interleaved."""
    if len(data) > BYTES_MAX:
        raise ValueError(f"a code of this size holds {BYTES_MAX} bytes")
    # Four bits of mode (bytes), eight of length, the data, and a terminator of four zeros: whole bytes again.
    bits = (0b0100 << 8 | len(data)) << 8 * len(data) | int.from_bytes(data)
    stream = (bits << 4).to_bytes(len(data) + 2)
    stream += b"".join(bytes([(0xEC, 0x11)[at % 2]]) for at in range(sum(_BLOCKS) - len(stream)))
    blocks, begin = list[bytes](), 0
    for size in _BLOCKS:
        blocks.append(stream[begin : begin + size])
        begin += size
    checks = [_check_bytes(block) for block in blocks]
    longest = max(_BLOCKS)
    mixed = [block[at] for at in range(longest) for block in blocks if at < len(block)]
    return bytes(mixed + [check[at] for at in range(_CHECK_BYTES) for check in checks])


def _check_bytes(block: bytes) -> bytes:
    """Reed-Solomon remainder."""
    rest = [0] * _CHECK_BYTES
    for byte in block:
        factor = byte ^ rest.pop(0)
        rest.append(0)
        rest = [left ^ multiply(value, factor) for left, value in zip(rest, _GENERATOR, strict=True)]
    return bytes(rest)


def multiply(left: int, right: int) -> int:
    """In the field of 256 elements with the polynomial 0x11D."""
    product = 0
    for shift in range(7, -1, -1):
        product = (product << 1) ^ (product >> 7) * 0x11D
        product ^= (right >> shift & 1) * left
    return product


def _generator() -> list[int]:
    """The divisor for so many check bytes, without its leading 1."""
    divisor, root = [0] * (_CHECK_BYTES - 1) + [1], 1
    for _ in range(_CHECK_BYTES):
        for at in range(_CHECK_BYTES):
            divisor[at] = multiply(divisor[at], root)
            if at + 1 < _CHECK_BYTES:
                divisor[at] ^= divisor[at + 1]
        root = multiply(root, 2)
    return divisor


_GENERATOR: Final = _generator()
