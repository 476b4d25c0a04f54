"""The pieces layouts are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import pytest

from terminals.card.errors import FormatError
from terminals.card.layout import DAY, Layout, constant, optional, part, uint


@dataclass(frozen=True, slots=True)
class Inner(Layout):
    day: Annotated[date | None, optional(DAY)]


@dataclass(frozen=True, slots=True)
class Outer(Layout):
    mark: Annotated[bytes, constant(b"\x27")]
    inner: Annotated[Inner, part(Inner)]
    count: Annotated[int, uint(1)] = 0


def test_a_part_stands_inside_another_layout() -> None:
    outer = Outer(b"\x27", Inner(date(2026, 11, 20)), 7)
    assert outer.to_bytes().hex() == "272026112007"
    assert Outer.parse(outer.to_bytes()) == outer
    assert Outer.length() == 6


@pytest.mark.parametrize("empty", ["00000000", "ffffffff"])
def test_an_optional_value_may_be_missing(empty: str) -> None:
    inner = Inner.parse(bytes.fromhex(empty))
    assert inner.day is None
    assert inner.to_bytes() == bytes(4)


def test_a_fault_names_the_innermost_field() -> None:
    with pytest.raises(FormatError, match=r"Inner\.day"):
        Outer.parse(bytes.fromhex("272026139907"))


def test_a_constant_is_nothing_else() -> None:
    with pytest.raises(FormatError, match=r"Outer\.mark: 28 instead of 27"):
        Outer.parse(bytes.fromhex("280000000000"))
    with pytest.raises(FormatError, match=r"Outer\.mark"):
        Outer(b"\x28", Inner(None)).to_bytes()
