"""A compressed body is inflated no further than it may be long."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.wire.content import inflate
from terminals.wire.errors import ContentError

LIMIT = 1 << 20


@given(st.binary(max_size=2_000), st.integers(0, 9))
def test_what_was_compressed_comes_out(content: bytes, level: int) -> None:
    assert inflate(gzip.compress(content, level), LIMIT) == content


@given(st.binary(max_size=200))
def test_anything_else_is_a_typed_error(body: bytes) -> None:
    with pytest.raises(ContentError):
        inflate(body, LIMIT)


def test_a_bomb_takes_no_more_room_than_the_limit() -> None:
    body = gzip.compress(bytes(64 * LIMIT))
    tracemalloc.start()
    try:
        with pytest.raises(ContentError) as refused:
            inflate(body, LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.code == "too_large"
    assert peak < 4 * LIMIT
