"""Where chance comes from: one stream of numbers for each question, all from one seed.

A stream of its own for each means that other faults do not change who taps where.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Chance:
    """The seed's streams. The algorithm is named, for NumPy's default may change: PCG64."""

    def __init__(self, seed: int) -> None:
        """Any whole number from 0."""
        self._seed = seed

    def stream(self, question: str) -> np.random.Generator:
        """The numbers that decide one question, from their beginning."""
        return np.random.Generator(np.random.PCG64([self._seed, zlib.crc32(question.encode())]))


def pick(random: np.random.Generator, candidates: Ints, count: int) -> Ints:
    """So many different ones of the candidates, or all of them, in rising order."""
    chosen = random.choice(candidates, min(count, len(candidates)), replace=False)
    return np.sort(chosen).astype(np.int64)


def ranks(groups: Ints) -> Ints:
    """For each element how many of its group stand before it."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    lengths = np.diff(np.append(begins, len(ordered)))
    found = np.empty(len(groups), np.int64)
    found[order] = np.arange(len(ordered)) - np.repeat(begins, lengths)
    return found


def is_first(groups: Ints, among: Flags) -> Flags:
    """Which elements are the first of their group, counting only those that are `among`."""
    chosen = np.flatnonzero(among)
    first = np.zeros(len(groups), np.bool_)
    first[chosen[np.unique(groups[chosen], return_index=True)[1]]] = True
    return first
