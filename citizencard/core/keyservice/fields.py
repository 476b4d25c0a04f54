"""Reads the JSON payload of a control call; every field is checked for type, length and range before a key is used."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from citizencard.core.keyservice.refusal import Code, Refusal

Choice = TypeVar("Choice", bound=StrEnum)


class Fields:
    """Typed access to the fields of one request; `Refusal` bad_request names the field, not its value."""

    def __init__(self, payload: bytes) -> None:
        try:
            self._fields = json.loads(payload)
        except (ValueError, RecursionError):
            raise Refusal(Code.BAD_REQUEST, "payload is not JSON") from None
        if not isinstance(self._fields, dict):
            raise Refusal(Code.BAD_REQUEST, "payload is not a JSON object")

    def octets(self, name: str, *lengths: int) -> bytes:
        """Hex of exactly one of the given lengths."""
        value = self._decode(name)
        if len(value) not in lengths:
            raise _bad(name)
        return value

    def optional_octets(self, name: str, length: int) -> bytes | None:
        """Hex of the given length, or null."""
        return None if self._fields.get(name) is None else self.octets(name, length)

    def octets_between(self, name: str, low: int, high: int) -> bytes:
        """Hex of low to high bytes."""
        value = self._decode(name)
        if not low <= len(value) <= high:
            raise _bad(name)
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """A whole number within bounds (JSON true is not one)."""
        value = self._fields.get(name)
        if type(value) is not int or not low <= value <= high:
            raise _bad(name)
        return value

    def text(self, name: str, limit: int) -> str:
        """A non-empty string of at most `limit` characters."""
        value = self._fields.get(name)
        if not _is_text(value, limit):
            raise _bad(name)
        return str(value)

    def optional_text(self, name: str, limit: int) -> str | None:
        """A string as `text`, or null."""
        return None if self._fields.get(name) is None else self.text(name, limit)

    def texts(self, name: str, count_max: int, limit: int) -> list[str]:
        """A list of one to `count_max` strings, each as `text`."""
        values = self._fields.get(name)
        if not isinstance(values, list) or not 1 <= len(values) <= count_max:
            raise _bad(name)
        if not all(_is_text(value, limit) for value in values):
            raise _bad(name)
        return values

    def mapping(self, name: str, key_limit: int, limit: int) -> dict[str, str]:
        """An object of strings, names and values each as `text`."""
        values = self._fields.get(name)
        if not isinstance(values, dict):
            raise _bad(name)
        for key, value in values.items():
            if not (_is_text(key, key_limit) and _is_text(value, limit)):
                raise _bad(name)
        return values

    def optional_day(self, name: str) -> date | None:
        """A day in ISO 8601, or null."""
        if self._fields.get(name) is None:
            return None
        try:
            return date.fromisoformat(self.text(name, 10))
        except ValueError:
            raise _bad(name) from None

    def choice(self, name: str, kind: type[Choice]) -> Choice:
        """A member of a string enumeration."""
        try:
            return kind(self._fields.get(name))
        except ValueError:
            raise _bad(name) from None

    def moment(self, name: str) -> datetime:
        """A time in ISO 8601; without an offset it is Asia/Shanghai (see `crypto.bcd_time`)."""
        try:
            return datetime.fromisoformat(self.text(name, 32))
        except ValueError:
            raise _bad(name) from None

    def day(self, name: str) -> date:
        """A date in ISO 8601."""
        try:
            return date.fromisoformat(self.text(name, 10))
        except ValueError:
            raise _bad(name) from None

    def _decode(self, name: str) -> bytes:
        value: Any = self._fields.get(name)
        try:
            return bytes.fromhex(value)
        except (TypeError, ValueError):
            raise _bad(name) from None


def _is_text(value: object, limit: int) -> bool:
    """Whether it is a text that can be written down: JSON can also spell half a surrogate pair, which no encoding has."""
    if not isinstance(value, str) or not 1 <= len(value) <= limit:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)


def _bad(name: str) -> Refusal:
    return Refusal(Code.BAD_REQUEST, f"field {name} is missing or out of bounds")
