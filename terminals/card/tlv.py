"""BER-TLV (ISO/IEC 7816-4 annex E), as far as file control information needs it."""

from __future__ import annotations

from collections.abc import Iterator

from terminals.card.errors import FormatError


def parse(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, value) pairs of one level; FormatError when lengths run past the end."""
    rest = data
    while rest:
        tag, rest = _take_tag(rest)
        length, rest = _take_length(rest)
        if length > len(rest):
            raise FormatError(f"TLV {tag:02X}: {length} bytes announced, {len(rest)} present")
        yield tag, rest[:length]
        rest = rest[length:]


def build(tag: int, value: bytes) -> bytes:
    """One data object with a definite length."""
    tag_bytes = tag.to_bytes((tag.bit_length() + 7) // 8)
    if len(value) < 0x80:
        return tag_bytes + bytes([len(value)]) + value
    size = len(value).to_bytes((len(value).bit_length() + 7) // 8)
    return tag_bytes + bytes([0x80 | len(size)]) + size + value


def _take_tag(data: bytes) -> tuple[int, bytes]:
    end = 1
    if data[0] & 0x1F == 0x1F:
        while end < len(data) and data[end] & 0x80:
            end += 1
        end += 1
    if end > len(data):
        raise FormatError("TLV tag is cut off")
    return int.from_bytes(data[:end]), data[end:]


def _take_length(data: bytes) -> tuple[int, bytes]:
    if not data:
        raise FormatError("TLV length is missing")
    first = data[0]
    if first < 0x80:
        return first, data[1:]
    size = first & 0x7F
    if not 1 <= size <= 2 or len(data) <= size:
        raise FormatError("TLV length is malformed")
    return int.from_bytes(data[1 : 1 + size]), data[1 + size :]
