"""Which records of an upload could contradict each other, found before the database is asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from terminals.wire.columns import Rows

Flags = NDArray[np.bool_]


def alone(rows: Rows) -> Flags:
    """Whether a record is of a card none of whose records repeats a terminal sequence or a card counter of this upload."""
    cards, card_of = np.unique(_numbers(rows["card_no"]), return_inverse=True)
    repeated = _repeated(rows["terminal_seq"]) | _repeated(card_of * 0x1_0000 + rows["atc"])
    crossed = np.zeros(len(cards), np.bool_)
    crossed[card_of[repeated]] = True
    return ~crossed[card_of]


def _repeated(keys: NDArray[np.int64]) -> Flags:
    _, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
    more: Flags = counts[which] > 1
    return more


def _numbers(card_numbers: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Card numbers as numbers, a short one as if zeros followed; two that meet are taken for one and looked at closely."""
    width = card_numbers.dtype.itemsize
    digits = np.ascontiguousarray(card_numbers).view(np.uint8).reshape(-1, width) & np.uint8(0x0F)
    numbers: NDArray[np.uint64] = digits @ np.uint64(10) ** np.arange(width - 1, -1, -1, dtype=np.uint64)
    return numbers
