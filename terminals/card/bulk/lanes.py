"""Turns machine words into lanes and back: the transposition of many 64 × 64 bit matrices at once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

WORD: Final = 64
"""Lanes in a machine word, and rows of a matrix."""


def transpose(matrix: Words) -> None:
    """Transpose in place: afterwards bit i of row k is what bit k of row i was, in every column by itself.

    `matrix` has 64 rows and any number of columns, each of them a bit matrix. Blocks of 32, 16 … 1 bits change places
    across the diagonal; as whole rows take part, one operation serves all columns.
    """
    columns = matrix.shape[1]
    spare = np.empty((WORD // 2, columns), np.uint64)
    for width in (32, 16, 8, 4, 2, 1):
        halves = matrix.reshape(-1, 2, width, columns)
        upper, lower = halves[:, 0], halves[:, 1]
        swapped = spare.reshape(-1, width, columns)
        shift, low_bits = np.uint64(width), _low_bits(width)
        np.right_shift(upper, shift, out=swapped)
        np.bitwise_xor(swapped, lower, out=swapped)
        np.bitwise_and(swapped, low_bits, out=swapped)
        np.bitwise_xor(lower, swapped, out=lower)
        np.left_shift(swapped, shift, out=swapped)
        np.bitwise_xor(upper, swapped, out=upper)


def _low_bits(width: int) -> np.uint64:
    """Runs of `width` ones and `width` zeros by turns, ones first from the right."""
    return np.uint64(sum(((1 << width) - 1) << at for at in range(0, WORD, 2 * width)))
