"""Secret sharing after Shamir (1979) over GF(2^8) with the AES polynomial: any `threshold` shares give the secret,
fewer say nothing about it.

Every byte of the secret is shared by a polynomial of its own, whose constant term it is; share number x holds the
polynomials' values at x. Runs at ceremonies only, so that plainness is worth more than speed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

_AES_POLYNOMIAL: Final = 0x11B
SHARES_MAX: Final = 255


def multiply(left: int, right: int) -> int:
    """Product of two field elements (FIPS 197, section 4.2)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & 0x100:
            left ^= _AES_POLYNOMIAL
        right >>= 1
    return product


def invert(element: int) -> int:
    """The element's inverse, its 254th power; ZeroDivisionError for zero."""
    if not element:
        raise ZeroDivisionError("zero has no inverse")
    power = element
    for _ in range(6):
        power = multiply(multiply(power, power), element)
    return multiply(power, power)


def split(
    secret: bytes, *, threshold: int, count: int, random: Callable[[int], bytes] = secrets.token_bytes
) -> dict[int, bytes]:
    """`count` shares by number (from 1), each as long as the secret. ValueError for numbers that cannot be."""
    if not 1 <= threshold <= count <= SHARES_MAX:
        raise ValueError(f"needs 1 <= threshold <= count <= {SHARES_MAX}")
    polynomials = [bytes([octet]) + random(threshold - 1) for octet in secret]
    return {
        number: bytes(_value(polynomial, number) for polynomial in polynomials)
        for number in range(1, count + 1)
    }


def combine(shares: Mapping[int, bytes]) -> bytes:
    """The secret from `threshold` or more shares by number (Lagrange's polynomial at zero).

    Too few or wrong shares give another secret and no error: check what comes out. ValueError for shares that cannot
    belong together.
    """
    numbers = list(shares)
    lengths = {len(share) for share in shares.values()}
    if len(lengths) != 1 or not all(1 <= number <= SHARES_MAX for number in numbers):
        raise ValueError("shares have numbers from 1 to 255 and one length")
    secret = bytearray(lengths.pop())
    for number, share in shares.items():
        weight = _weight(number, numbers)
        for at, octet in enumerate(share):
            secret[at] ^= multiply(weight, octet)
    return bytes(secret)


def _value(polynomial: bytes, at: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = multiply(value, at) ^ coefficient
    return value


def _weight(number: int, numbers: list[int]) -> int:
    """Lagrange's basis polynomial of `number` at zero: the product of other / (other - number)."""
    weight = 1
    for other in numbers:
        if other != number:
            weight = multiply(weight, multiply(other, invert(other ^ number)))
    return weight
