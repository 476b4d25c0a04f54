from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card import tlv
from terminals.card.errors import FormatError

tags = st.sampled_from([0x6F, 0x84, 0xA5, 0x9F08, 0x9F0C, 0xBF0C])
objects = st.lists(st.tuples(tags, st.binary(max_size=300)), max_size=5)


@given(objects)
def test_round_trip(pairs: list[tuple[int, bytes]]) -> None:
    assert list(tlv.parse(b"".join(tlv.build(tag, value) for tag, value in pairs))) == pairs


@given(st.binary(max_size=60))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        pairs = list(tlv.parse(data))
    except FormatError:
        return
    assert sum(len(value) for _, value in pairs) <= len(data)


@pytest.mark.parametrize("data", ["9F", "84", "8405AA", "8480", "8483010203", "9F8101"])
def test_cut_off_objects_are_refused(data: str) -> None:
    with pytest.raises(FormatError):
        list(tlv.parse(bytes.fromhex(data)))
