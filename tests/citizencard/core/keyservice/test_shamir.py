"""Secret sharing: the field's arithmetic, that enough shares give the secret, and that fewer say nothing."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizencard.core.keyservice.shamir import combine, invert, multiply, split


def test_products_of_fips_197() -> None:
    assert multiply(0x57, 0x83) == 0xC1
    assert multiply(0x57, 0x13) == 0xFE
    assert [multiply(0x57, 1 << power) for power in range(5)] == [0x57, 0xAE, 0x47, 0x8E, 0x07]


def test_every_element_has_its_inverse() -> None:
    assert all(multiply(element, invert(element)) == 1 for element in range(1, 256))
    assert invert(0x53) == 0xCA
    with pytest.raises(ZeroDivisionError):
        invert(0)


def test_a_share_is_the_polynomials_value() -> None:
    """Secret 42 with slope 17 over GF(2^8): f(x) = 42 + 17 x."""
    shares = split(b"\x42", threshold=2, count=3, random=lambda count: b"\x17" * count)
    assert shares == {number: bytes([0x42 ^ multiply(0x17, number)]) for number in (1, 2, 3)}
    assert shares[2] == bytes([0x42 ^ 0x2E])


@given(st.binary(min_size=1, max_size=40), st.integers(1, 5), st.integers(0, 4))
def test_any_enough_shares_give_the_secret(secret: bytes, threshold: int, more: int) -> None:
    shares = split(secret, threshold=threshold, count=threshold + more)
    for chosen in combinations(shares.items(), threshold):
        assert combine(dict(chosen)) == secret
    assert combine(shares) == secret


def test_one_of_two_shares_fits_every_secret() -> None:
    """For a given first share there is exactly one second share for each of the 256 secrets: it says nothing."""
    secrets = {combine({1: b"\x99", 2: bytes([second])}) for second in range(256)}
    assert len(secrets) == 256


def test_shares_are_fresh_each_time() -> None:
    assert split(bytes(32), threshold=2, count=3) != split(bytes(32), threshold=2, count=3)


@pytest.mark.parametrize(("threshold", "count"), [(0, 3), (4, 3), (2, 256)])
def test_numbers_that_cannot_be(threshold: int, count: int) -> None:
    with pytest.raises(ValueError, match="threshold"):
        split(b"x", threshold=threshold, count=count)


@pytest.mark.parametrize("shares", [{}, {0: b"x", 1: b"x"}, {1: b"x", 2: b"xy"}, {1: b"x", 256: b"x"}])
def test_shares_that_do_not_belong_together(shares: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="shares"):
        combine(shares)
