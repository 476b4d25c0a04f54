"""The gate networks against the S-boxes as printed, and the search that finds them."""

from __future__ import annotations

import numpy as np
import pytest

from terminals.card.bulk.networks import NETWORKS, ONES, REGISTERS, TEXTS, wires
from terminals.card.bulk.sboxes import SBOXES, output_table, substitute
from terminals.card.bulk.search import Network, as_text, inputs_only, solve

EVERY_INPUT = (1 << 64) - 1


@pytest.mark.parametrize("box", range(8))
def test_the_table_is_printed_right(box: int) -> None:
    """Every row of an S-box is a permutation; a slip of the pen would break it (design criterion of DES)."""
    for row in SBOXES[box].split():
        assert sorted(int(digit, 16) for digit in row) == list(range(16))


def test_known_substitutions() -> None:
    # FIPS 46-3: S1 of 011011 is 0101.
    assert substitute(0, 0b011011) == 0b0101
    assert substitute(7, 0b111111) == 11


@pytest.mark.parametrize("box", range(8))
def test_network_computes_its_box(box: int) -> None:
    """All 64 inputs at once: bit v of every register stands for the input v."""
    registers = np.zeros(REGISTERS + 1, np.uint64)
    registers[ONES] = EVERY_INPUT
    registers[:6] = inputs_only().tables
    for gate, a, b, out in NETWORKS[box].gates:
        registers[out] = gate(registers[a], registers[b])
    assert registers[ONES] == EVERY_INPUT
    found = [int(registers[out]) for out in NETWORKS[box].outputs]
    assert found == [output_table(box, output) for output in range(4)]


def test_networks_are_small() -> None:
    counts = [len(wires(text)[0]) for text in TEXTS]
    print(f"gates: {counts}, {sum(counts) / 8} on average, in {REGISTERS} registers")
    assert sum(counts) / 8 <= 56
    assert REGISTERS <= 24


@pytest.mark.parametrize("box", [0, 3, 7])
def test_search_finds_an_output(box: int) -> None:
    target = output_table(box, 0)
    found = solve(inputs_only(), target, EVERY_INPUT, (0, 1, 2, 3, 4, 5), 30)
    assert found is not None
    network, wire = found
    assert int(network.tables[wire]) == target
    gates, outputs = wires(as_text(network, (wire,)))
    assert len(gates) == len(network.gates) <= 30
    assert outputs == [wire]


@pytest.mark.parametrize(("limit", "possible"), [(0, False), (1, True)])
def test_search_keeps_to_its_limit(limit: int, possible: bool) -> None:
    start = inputs_only()
    both = int(start.tables[0] & start.tables[1])
    assert (solve(start, both, EVERY_INPUT, (0, 1, 2, 3, 4, 5), limit) is not None) is possible


def test_search_need_only_be_right_where_it_is_asked() -> None:
    start = inputs_only()
    first = int(start.tables[0])
    assert solve(start, EVERY_INPUT, first, (1, 2), 0) == (start, 0)
    assert isinstance(start, Network)
