"""MACs of many messages, each under its own key: `terminals.card.crypto.des_mac` for whole arrays."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from terminals.card.bulk.des import cbc_mac
from terminals.card.bulk.lanes import WORD, Words, transpose

Octets = NDArray[np.uint8]

LANES: Final = 65_536
"""Messages computed at once: enough to make NumPy's cost per operation small, few enough for the rows to stay in the
processor's cache (about 2.5 MB)."""
_BLOCK: Final = 8
_MAC: Final = 4


def des_macs(keys8: Octets, messages: Octets) -> Octets:
    """4-byte MACs, ISO 9797-1 algorithm 1 with padding method 2 (single-DES CBC, zero IV).

    `keys8` is an array of n × 8 bytes and `messages` of n × any one length; the result has n × 4. Equal to
    `crypto.des_mac` of each pair. ValueError when the shapes do not fit.
    """
    if keys8.shape != (len(messages), _BLOCK):
        raise ValueError("every message needs one key of 8 bytes")
    macs = np.empty((len(messages), _MAC), np.uint8)
    for start in range(0, len(messages), LANES):
        part = slice(start, start + LANES)
        macs[part] = _one_pass(keys8[part], messages[part])
    return macs


def _one_pass(keys8: Octets, messages: Octets) -> Octets:
    count, length = messages.shape
    padded = np.zeros((count, length + _BLOCK - length % _BLOCK), np.uint8)
    padded[:, :length] = messages
    padded[:, length] = 0x80
    blocks = padded.reshape(count, -1, _BLOCK)
    result = cbc_mac(_rows(keys8), (_rows(blocks[:, at]) for at in range(blocks.shape[1])))
    transpose(result)
    return _octets(result, count)[:, :_MAC]


def _rows(blocks8: Octets) -> Words:
    """Blocks of 8 bytes as 64 rows of one bit each; the last lanes stay empty when their number is no multiple of 64."""
    columns = -(-len(blocks8) // WORD)
    matrix = np.zeros((WORD, columns), np.uint64)
    matrix.reshape(-1)[: len(blocks8)] = np.ascontiguousarray(blocks8).view(">u8")[:, 0]
    transpose(matrix)
    return matrix


def _octets(matrix: Words, count: int) -> Octets:
    """Inverse of `_rows`, the matrix being transposed back already."""
    return matrix.ravel()[:count].astype(">u8").view(np.uint8).reshape(count, _BLOCK)
