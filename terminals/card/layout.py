"""Fixed-length file layouts as declarations: a dataclass whose annotations name each field's coding on the chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Generic, Self, TypeVar, get_type_hints

from terminals.card.crypto import bcd_time
from terminals.card.errors import FormatError

T = TypeVar("T")
L = TypeVar("L", bound="Layout")


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a value stands in `length` bytes on the chip."""

    length: int
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]


def raw(length: int) -> Codec[bytes]:
    """Bytes as they are."""
    return Codec(length, bytes, bytes)


def uint(length: int) -> Codec[int]:
    """An unsigned big-endian number."""
    return Codec(length, lambda value: value.to_bytes(length), int.from_bytes)


def digits(length: int) -> Codec[str]:
    """Packed digits, two to a byte; filler nibbles (F) are kept."""
    return Codec(length, bytes.fromhex, lambda data: data.hex().upper())


def text(length: int, encoding: str) -> Codec[str]:
    """Text padded with zero bytes; trailing 00, 20 and FF are filler. Chinese is GB 18030, which includes GBK."""
    return Codec(
        length,
        lambda value: value.encode(encoding).ljust(length, b"\x00"),
        lambda data: data.rstrip(b"\x00\xff\x20").decode(encoding),
    )


def moment(data: bytes) -> datetime:
    """Parse packed BCD date4, or date4 | time3, as a naive Asia/Shanghai time; ValueError when it is none."""
    return datetime.strptime(data.hex(), "%Y%m%d%H%M%S" if len(data) == 7 else "%Y%m%d")


DAY: Codec[date] = Codec(4, lambda v: bytes.fromhex(v.strftime("%Y%m%d")), lambda data: moment(data).date())
"""A date as packed BCD YYYYMMDD."""

LOCAL_TIME: Codec[datetime] = Codec(7, bcd_time, moment)
"""Packed BCD YYYYMMDDHHMMSS of the device's clock in Asia/Shanghai; parsed to a naive datetime."""


def optional(codec: Codec[T]) -> Codec[T | None]:
    """A value that may not be there yet: None stands as zero bytes, and bytes all FF are read as None too."""
    return Codec(
        codec.length,
        lambda value: bytes(codec.length) if value is None else codec.encode(value),
        lambda data: codec.decode(data) if data.strip(b"\x00") and data.strip(b"\xff") else None,
    )


def constant(value: bytes) -> Codec[bytes]:
    """Bytes that are always the same, such as a record's identifier; ValueError when they are not."""

    def check(data: bytes) -> bytes:
        if data != value:
            raise ValueError(f"{data.hex().upper()} instead of {value.hex().upper()}")
        return data

    return Codec(len(value), check, check)


def part(layout: type[L]) -> Codec[L]:
    """A group of fields that stands inside another layout."""
    return Codec(layout.length(), lambda value: value.to_bytes(), layout.parse)


_PLACES: dict[type, dict[str, Codec[Any]]] = {}


def _places(layout: type) -> dict[str, Codec[Any]]:
    """The codecs of a layout in file order, worked out once."""
    if layout not in _PLACES:
        hints = get_type_hints(layout, include_extras=True)
        _PLACES[layout] = {
            n: hint.__metadata__[0] for n, hint in hints.items() if hasattr(hint, "__metadata__")
        }
    return _PLACES[layout]


class Layout:
    """Base of all file layouts: frozen dataclasses whose fields are `Annotated[type, codec]`, in file order."""

    __slots__ = ()

    SHORTEST: ClassVar[int | None] = None
    """Fewest bytes that still parse; the rest of the file reads as zero. None: the whole length."""

    @classmethod
    def length(cls) -> int:
        """Length of the file or record in bytes."""
        return sum(codec.length for codec in _places(cls).values())

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read the layout from bytes; FormatError names the field that does not fit."""
        length = cls.length()
        if not (cls.SHORTEST or length) <= len(content) <= length:
            raise FormatError(f"{cls.__name__}: {len(content)} bytes instead of {length}")
        rest, values = content.ljust(length, b"\x00"), {}
        for name, codec in _places(cls).items():
            try:
                values[name] = codec.decode(rest[: codec.length])
            except ValueError as error:
                raise FormatError(f"{cls.__name__}.{name}: {error}") from error
            rest = rest[codec.length :]
        return cls(**values)

    def to_bytes(self) -> bytes:
        """The bytes for the chip; FormatError names the value that does not fit."""
        return b"".join(self._encode(name, codec) for name, codec in _places(type(self)).items())

    def _encode(self, name: str, codec: Codec[Any]) -> bytes:
        try:
            data = codec.encode(getattr(self, name))
        except (ValueError, OverflowError) as error:
            raise FormatError(f"{type(self).__name__}.{name}: {error}") from error
        if len(data) != codec.length:
            raise FormatError(f"{type(self).__name__}.{name}: {len(data)} bytes instead of {codec.length}")
        return data
