"""Finds small gate networks for the S-boxes of DES; `networks.py` holds what it found.

    python -m terminals.card.bulk.search [SBOX ...]

The method is branch and bound over truth tables of 64 bits, one bit per input. To make one output out of the wires that
exist already, try in this order: a wire that has the wanted bits, one gate over two wires, two gates over three wires,
three gates over four wires, and otherwise split by one input `x`: either A ^ (x & B) or A ^ (x | B), where A need only be
right in one half and B only in the other. What was made on the way serves the outputs that follow, so their order
matters: all 24 are tried and the smallest network is kept. Gates are the operations NumPy has: and, or, xor, not.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terminals.card.bulk.sboxes import SBOXES, output_table

Tables = NDArray[np.uint64]

_ALL: Final = 2**64 - 1
_INPUTS: Final = 6
_BUDGET: Final = 90
"""Gates no network may reach."""
_CROWD: Final = 300
"""How many pairs are compared each with each at most, when two of them are looked for that make a target."""


@dataclass(frozen=True)
class Network:
    """Wires 0 to 5 are the inputs; every gate makes the next wire. A gate is (operation, wire, wire)."""

    tables: Tables
    gates: tuple[tuple[str, int, int], ...] = ()

    def with_gate(self, operation: str, a: int, b: int) -> Network:
        """One gate more."""
        left, right = self.tables[a], self.tables[b]
        made = {"&": left & right, "|": left | right, "^": left ^ right, "~": ~left}[operation]
        return Network(np.append(self.tables, made), (*self.gates, (operation, a, b)))


Found = tuple[Network, int]
"""A network and the wire that carries the target."""


@lru_cache(maxsize=256)
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    a, b = np.triu_indices(count, 1)
    return a, b


def _first(hits: NDArray[np.bool_]) -> int | None:
    at = int(hits.argmax())
    return at if hits[at] else None


class _Pairs:
    """All functions of two wires, restricted to a mask, and how to make them."""

    def __init__(self, tables: Tables) -> None:
        self.a, self.b = _pairs(len(tables))
        left, right = tables[self.a], tables[self.b]
        self.values = np.concatenate((left & right, left | right, left ^ right))

    def make(self, network: Network, index: int) -> Found:
        kind, pair = divmod(index, len(self.a))
        return network.with_gate("&|^"[kind], int(self.a[pair]), int(self.b[pair])), len(network.tables)


def solve(network: Network, target: int, mask: int, inputs: tuple[int, ...], limit: int) -> Found | None:
    """The smallest extension found, by at most `limit` gates, with a wire equal to `target` wherever `mask` is set."""
    tables = network.tables & np.uint64(mask)
    wanted = np.uint64(target & mask)
    at = _first(tables == wanted)
    if at is not None:
        return network, at
    if limit < 1:
        return None
    at = _first(tables == wanted ^ np.uint64(mask))
    if at is not None:
        return network.with_gate("~", at, at), len(network.tables)
    pairs = _Pairs(tables)
    at = _first(pairs.values == wanted)
    if at is not None:
        return pairs.make(network, at)
    if limit < 2:
        return None
    found = _two_gates(network, tables, pairs, wanted, np.uint64(mask))
    if found is None and limit >= 3:
        found = _three_gates(network, pairs, wanted)
    if found is not None or limit < 3:
        return found
    return _split(network, target, mask, inputs, limit)


def _two_gates(
    network: Network, tables: Tables, pairs: _Pairs, wanted: np.uint64, mask: np.uint64
) -> Found | None:
    at = _first(pairs.values == wanted ^ mask)
    if at is not None:
        made, wire = pairs.make(network, at)
        return made.with_gate("~", wire, wire), wire + 1
    above = np.flatnonzero(tables & wanted == wanted)
    below = np.flatnonzero(tables | wanted == wanted)
    for operation, wires, result in (
        ("^", np.arange(len(tables)), np.bitwise_xor),
        ("&", above, np.bitwise_and),
        ("|", below, np.bitwise_or),
    ):
        for wire in map(int, wires):
            hit = _first(result(pairs.values, tables[wire]) == wanted)
            if hit is not None:
                made, pair = pairs.make(network, hit)
                return made.with_gate(operation, pair, wire), pair + 1
    return None


def _three_gates(network: Network, pairs: _Pairs, wanted: np.uint64) -> Found | None:
    """Two pairs joined by one gate."""
    common = np.intersect1d(pairs.values, pairs.values ^ wanted)
    if len(common):
        return _join(network, pairs, "^", common[0], common[0] ^ wanted)
    for operation, candidates, result in (
        ("&", pairs.values[pairs.values & wanted == wanted], np.bitwise_and),
        ("|", pairs.values[pairs.values | wanted == wanted], np.bitwise_or),
    ):
        few = np.unique(candidates)[:_CROWD]
        hits = result.outer(few, few) == wanted
        at = _first(hits.ravel()) if few.size else None
        if at is not None:
            return _join(network, pairs, operation, few[at // len(few)], few[at % len(few)])
    return None


def _join(network: Network, pairs: _Pairs, operation: str, left: np.uint64, right: np.uint64) -> Found:
    made, a = pairs.make(network, int((pairs.values == left).argmax()))
    made, b = pairs.make(made, int((pairs.values == right).argmax()))
    return made.with_gate(operation, a, b), b + 1


def _split(network: Network, target: int, mask: int, inputs: tuple[int, ...], limit: int) -> Found | None:
    best: Found | None = None
    for x in inputs:
        rest = tuple(other for other in inputs if other != x)
        one = int(network.tables[x]) & mask
        for operation, first, second, flip in (("&", mask & ~one, one, 0), ("|", one, mask & ~one, _ALL)):
            # With `|` the x half of the sum is A ^ 1, so A must be the complement there.
            a = solve(network, target ^ flip, first, rest, limit - 2)
            if a is None:
                continue
            used = len(a[0].gates) - len(network.gates)
            b = solve(a[0], target ^ int(a[0].tables[a[1]]), second, rest, limit - 2 - used)
            if b is None:
                continue
            made = b[0].with_gate(operation, x, b[1])
            best = made.with_gate("^", a[1], len(made.tables) - 1), len(made.tables)
            limit = len(best[0].gates) - len(network.gates) - 1
    return best


def inputs_only() -> Network:
    """No gate yet; wire i carries bit i of the S-box's input, the most significant first."""
    tables = [
        sum(1 << value for value in range(64) if value >> (_INPUTS - 1 - wire) & 1) for wire in range(_INPUTS)
    ]
    return Network(np.array(tables, np.uint64))


def smallest(sbox: int) -> tuple[Network, tuple[int, ...]]:
    """The smallest network over all orders of making the outputs, and the four output wires."""
    best: tuple[Network, tuple[int, ...]] | None = None
    budget = _BUDGET
    for order in permutations(range(4)):
        network, wires = inputs_only(), dict[int, int]()
        for output in order:
            found = solve(
                network, output_table(sbox, output), _ALL, tuple(range(_INPUTS)), budget - len(network.gates)
            )
            if found is None:
                break
            network, wires[output] = found
        else:
            best, budget = (network, tuple(wires[output] for output in range(4))), len(network.gates) - 1
            print(f"S{sbox + 1}: {len(network.gates)} gates in order {order}", file=sys.stderr)
    assert best is not None  # noqa: S101 -- _BUDGET is above what splitting alone needs
    return best


def as_text(network: Network, outputs: tuple[int, ...]) -> str:
    """The form in `networks.py`: the gates in order, then the output wires."""
    gates = [f"~{a}" if operation == "~" else f"{a}{operation}{b}" for operation, a, b in network.gates]
    return " ".join([*gates, "=", *map(str, outputs)])


if __name__ == "__main__":
    for number in map(int, sys.argv[1:] or range(1, len(SBOXES) + 1)):
        print(as_text(*smallest(number - 1)), flush=True)
