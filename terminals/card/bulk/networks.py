"""Gate networks for the S-boxes of DES, found by `search.py`, and the registers they need.

A network is a list of gates and, after `=`, its four output wires, the most significant first. Wires 0 to 5 are the inputs,
the most significant first; every gate makes the next wire: `a&b`, `a|b`, `a^b`, or `~a`. The tests compare each network
with the printed table for all 64 inputs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

_INPUTS: Final = 6
_OPERATIONS: Final = {"&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor}

TEXTS: Final = (
    # S1: 59 gates
    "4^5 ~0 1|7 6^8 4|9 10^4 0|1 11^12 3&13 9^14 3&6 1|3 16^17 4^18 1&15 19|20 0&21 18^22 2|23 15^24 2^5 "
    "4&26 3^27 2^28 29|9 1&30 28^31 19|25 3|27 34^10 1&35 33^36 0&37 32^38 0^29 3|9 40&41 1|23 42^43 "
    "20^33 45^14 14|19 47&9 0|48 46^49 2|50 44^51 39^52 53^25 27|42 55^52 3|56 54^57 6&56 15&28 3&60 "
    "59^61 1&62 58^63 = 25 52 64 39",
    # S2: 53 gates
    "1^5 ~6 2|7 4^8 1&6 4&5 ~11 2|12 10^13 3&14 9^15 2^3 17&10 4&18 0^19 0&20 16^21 4^7 11|17 23^24 1&12 "
    "3|26 25^27 1&8 17^28 30^5 4&31 29^32 0|33 28^34 2^25 23&35 0&37 36^38 1&30 8^37 40^41 22^27 0&43 "
    "42^44 5|45 39^46 5&16 48^28 31&47 50^36 3|51 49^52 33^51 8|28 54^55 0&56 53^57 = 35 22 58 47",
    # S3: 54 gates
    "4^5 6^3 4&6 8|1 2&9 7^10 1^9 ~12 8|11 14^1 4&13 2|16 15^17 3|18 13^19 0|20 11^21 13&17 23^11 2&4 "
    "10|15 25^26 5&27 24^28 3&4 30^28 2|9 31^32 0|33 29^34 24^32 36^2 5&36 38^7 3&39 37^40 14^36 17^37 "
    "42&43 0|44 41^45 16|31 47^38 20|43 49^18 2|50 48^51 2&29 53^20 ~50 1&55 54^56 0&57 52^58 = 22 46 59 "
    "35",
    # S4: 53 gates
    "3^4 3&6 7^2 1|8 6^9 8^10 11^1 3|10 2|13 12^14 5|15 10^16 9^14 18&16 1^9 8|10 5&21 20^22 3&23 19^24 "
    "0|25 17^26 15^27 28^5 ~21 4|30 10^31 0|32 29^33 22|34 2^27 35^36 20|31 38^5 3&39 37^40 8&34 6|28 "
    "42^43 1|44 25^45 0|46 41^47 1^31 39^48 49^50 13^38 0&52 51^53 49^53 55&6 2|56 54^57 = 27 34 58 48",
    # S5: 57 gates
    "0^1 4^5 6^7 0&4 2|9 8^10 2^5 6^10 12|13 11|12 1^14 15&16 0|17 14^18 3|19 11^20 8&17 12|19 22^23 "
    "18^21 25^0 4|26 24^27 9^26 8|10 29^30 ~18 1&32 31^33 3|34 28^35 7&15 2|17 37^38 28^31 40|6 3&41 "
    "39^42 14^15 5&15 45^44 3&46 44^47 0|48 43^49 6&50 25^36 51^52 0|32 53^54 34&51 56^50 6&11 0&58 57^59 "
    "4|60 55^61 = 36 21 62 50",
    # S6: 55 gates
    "3^4 6^0 ~7 4|8 1^9 2|10 7^11 2|4 10^12 3&14 13^15 3&10 7&14 17|18 0&19 16^20 5&21 12^22 5^16 5&23 "
    "2|25 3^26 1&27 24^28 3^5 30|25 3&31 32^2 4&33 31^34 0|35 29^36 6|8 2^37 38^39 7^15 5|41 40^42 16&36 "
    "25^43 45^17 4|46 44^47 1|48 43^49 31^38 51^17 7&43 2|53 52^54 8^21 13^53 56&57 1|58 55^59 = 23 60 50 "
    "37",
    # S7: 58 gates
    "~3 5^6 7^2 1&8 6^9 7|10 11^3 1&12 8^13 0&14 10^15 3&8 17&2 1|12 19^17 0|20 18^21 4&22 16^23 4^8 3&20 "
    "25|26 1^19 2|28 27^29 24&25 31&20 5&32 0^33 0&34 30^35 13^30 13^24 38^2 3&39 37^40 26^31 16|30 42^43 "
    "1|23 45^41 2&46 44^47 0&48 41^49 7&41 51|26 11^42 53^2 1&54 52^55 37^51 57|16 3^8 4&59 58^60 0&61 "
    "56^62 = 50 24 63 36",
    # S8: 55 gates
    "4^5 ~6 0&6 8^4 3&9 7^10 4&9 2|12 11^13 0^3 15|9 0&16 2|17 16^18 1|19 14^20 6&14 9^15 22^23 4|7 2&25 "
    "24^26 21|25 28^4 8&18 14|27 30^31 3&32 29^33 1|34 27^35 7^14 12&27 38^15 0&39 37^40 7|13 13^31 5&43 "
    "42^44 1&45 41^46 21^32 1^16 16^36 49|50 5|51 48^52 1^38 1|2 55^4 0&56 54^57 3&58 53^59 = 36 21 47 60",
)

ONES: Final = -1
"""In place of a second operand: all bits set. `~a` is `a ^ ones`, which gives all gates the same form."""


@dataclass(frozen=True)
class Network:
    """An S-box on registers, which are used again as soon as nobody wants their value any more."""

    gates: tuple[tuple[np.ufunc, int, int, int], ...]
    """Operation, two operands (registers, the second may be ONES), target register."""
    outputs: tuple[int, ...]
    """Where the four outputs are found; the inputs are put into registers 0 to 5."""


def wires(text: str) -> tuple[list[tuple[np.ufunc, int, int]], list[int]]:
    """Gates as (operation, wire, wire or ONES), and the output wires."""
    gates, _, outputs = text.partition(" = ")
    return [_gate(gate) for gate in gates.split()], [int(wire) for wire in outputs.split()]


def _gate(text: str) -> tuple[np.ufunc, int, int]:
    if text.startswith("~"):
        return np.bitwise_xor, int(text[1:]), ONES
    left, operation, right = re.split("([&|^])", text)
    return _OPERATIONS[operation], int(left), int(right)


def _on_registers(text: str) -> Network:
    gates, outputs = wires(text)
    last_use = {wire: at for at, gate in enumerate(gates) for wire in gate[1:]}
    last_use |= dict.fromkeys((*outputs, ONES), len(gates))
    place = {wire: wire for wire in range(_INPUTS)} | {ONES: ONES}
    free: list[int] = []
    placed = []
    for at, (operation, a, b) in enumerate(gates):
        operands = place[a], place[b]
        free += {place[wire] for wire in (a, b) if last_use[wire] == at}
        target = free.pop() if free else 1 + max(place.values())
        place[_INPUTS + at] = target
        placed.append((operation, *operands, target))
    return Network(tuple(placed), tuple(place[wire] for wire in outputs))


NETWORKS: Final = tuple(_on_registers(text) for text in TEXTS)
REGISTERS: Final = 1 + max(target for network in NETWORKS for *_, target in network.gates)
"""Registers that serve every network."""
