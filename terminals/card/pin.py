"""The PIN as it stands in commands."""

from __future__ import annotations

from terminals.card.errors import FormatError


def pin_block(pin: str) -> bytes:
    """The PIN's digits packed two to a byte, filled with F; 4 to 12 digits."""
    if not 4 <= len(pin) <= 12 or not pin.isascii() or not pin.isdigit():
        raise FormatError("a PIN has 4 to 12 digits")
    return bytes.fromhex(pin + "F" * (len(pin) % 2))
