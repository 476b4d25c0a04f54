"""DES (FIPS 46-3) on lanes: 64 cards in every machine word, each with its own key and its own data.

A row is an array of machine words; it carries one bit of the algorithm for every card. Permutations then cost nothing,
being only a choice of rows, and neither is there a key schedule to set up, which is what makes DES slow where every record
has another key. Only the S-boxes and the exclusive ors around them remain, as operations on whole rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from terminals.card.bulk.lanes import WORD, Words
from terminals.card.bulk.networks import NETWORKS, REGISTERS

ROUNDS: Final = 16

# Bits are counted as in the standard, from 1 on the left.
_IP: Final = [start - 8 * step for start in (58, 60, 62, 64, 57, 59, 61, 63) for step in range(8)]
_P: Final = (
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
    2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
)  # fmt: skip
_PC1: Final = (
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
    63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
)  # fmt: skip
_PC2: Final = (
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
    41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
)  # fmt: skip
_SHIFTS: Final = (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1)

_HALF: Final = 32
_SIX: Final = 6
_FOUR: Final = 4

EXPANSION: Final = [[(4 * box - 1 + bit) % _HALF for bit in range(_SIX)] for box in range(8)]
"""For each S-box the bits of the right half that enter it, from 0."""
PERMUTATION: Final = [[_P.index(4 * box + bit + 1) for bit in range(_FOUR)] for box in range(8)]
"""For each S-box the bits of the left half that its outputs change, from 0."""


def _schedule() -> list[list[list[int]]]:
    """For each round and S-box the bits of the key that enter, from 0."""
    rounds, turned = [], 0
    for shift in _SHIFTS:
        turned += shift
        halves = [_PC1[half + (bit + turned) % 28] for half in (0, 28) for bit in range(28)]
        chosen = [halves[bit - 1] - 1 for bit in _PC2]
        rounds.append([chosen[at : at + _SIX] for at in range(0, 48, _SIX)])
    return rounds


SCHEDULE: Final = _schedule()

Rows = Sequence[Words]


def cbc_mac(keys: Words, blocks: Iterable[Words]) -> Words:
    """The last cipher block of DES-CBC with a zero IV, in every lane.

    Keys, blocks and result are transposed matrices (`lanes.transpose`) of 64 rows: row 63 - i carries bit i, counted from
    0 on the left. The first block is used up as work space.
    """
    key = list(keys[::-1])
    boxes = _bound_boxes(keys.shape[1])
    left: Rows = ()
    right: Rows = ()
    for block in blocks:
        message = [block[WORD - bit] for bit in _IP]
        if not left:
            left, right = message[:_HALF], message[_HALF:]
        else:
            # The halves leave the last round swapped; that and the final permutation cancel against the next initial one.
            left, right = right, left
            for state, row in zip((*left, *right), message, strict=True):
                np.bitwise_xor(state, row, state)
        left, right = _encrypt(left, right, key, boxes)
    if not left:
        raise ValueError("a MAC needs at least one block")
    result = np.empty_like(keys)
    for bit, row in zip(_IP, (*right, *left), strict=True):
        result[WORD - bit] = row
    return result


def _encrypt(left: Rows, right: Rows, key: Rows, boxes: list[_Box]) -> tuple[Rows, Rows]:
    xor = np.bitwise_xor
    for chosen_keys in SCHEDULE:
        for (inputs, gates, outputs), expanded, chosen, changed in zip(
            boxes, EXPANSION, chosen_keys, PERMUTATION, strict=True
        ):
            for register, bit, key_bit in zip(inputs, expanded, chosen, strict=True):
                xor(right[bit], key[key_bit], register)
            for gate, a, b, register in gates:
                gate(a, b, register)
            for register, bit in zip(outputs, changed, strict=True):
                xor(left[bit], register, left[bit])
        left, right = right, left
    return left, right


_Box = tuple[list[Words], list[tuple[np.ufunc, Words, Words, Words]], list[Words]]
"""An S-box on registers: where the inputs go, the gates in their order, where the outputs are found."""


def _bound_boxes(columns: int) -> list[_Box]:
    registers = list(np.empty((REGISTERS, columns), np.uint64))
    # NumPy's `invert` takes one operand: as an exclusive or with ones, all gates have the same form.
    registers.append(np.full(columns, ~np.uint64(0)))
    return [
        (
            registers[:_SIX],
            [(gate, registers[a], registers[b], registers[out]) for gate, a, b, out in network.gates],
            [registers[at] for at in network.outputs],
        )
        for network in NETWORKS
    ]
