"""Reading a published document strictly: every error names the field, and a key nobody asked for is an error too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Final, TypeVar

from terminals.fares.errors import DocumentError

MAX_FARE_FEN: Final = 10_000_000
"""A hundred thousand yuan: no fare is higher, so that a slip of the keyboard is refused."""
MAX_METRES: Final = 10_000_000
DAY_MINUTES: Final = 1440
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")

T = TypeVar("T")


class Fields:
    """One JSON object. Every reader raises DocumentError with the field's path; `done` refuses keys left over."""

    def __init__(self, value: object, path: str = "") -> None:
        """`path` is where the object stands in its document."""
        if not isinstance(value, Mapping):
            raise DocumentError(path, "must be an object")
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise DocumentError(path, f"{wrong[0]!r} is not a key")
        self._values: Mapping[str, object] = value
        self._path = path
        self._seen: set[str] = set()

    def at(self, key: str) -> str:
        """The path of a key."""
        return f"{self._path}.{key}" if self._path else key

    def wrong(self, key: str, rule: str) -> DocumentError:
        """The error for a key, to be raised."""
        return DocumentError(self.at(key), rule)

    def has(self, key: str) -> bool:
        """Whether an optional key is there; null counts as not there."""
        self._seen.add(key)
        return self._values.get(key) is not None

    def raw(self, key: str) -> object:
        """Whatever stands there."""
        self._seen.add(key)
        if key not in self._values:
            raise self.wrong(key, "is missing")
        return self._values[key]

    def whole(self, key: str, least: int, most: int, unit: str = "number") -> int:
        """An integer within bounds; true and 2.0 are none."""
        value = self.raw(key)
        if type(value) is not int or not least <= value <= most:
            raise self.wrong(key, f"{value!r} is not a {unit} from {least} to {most}")
        return value

    def fen(self, key: str, least: int = 0) -> int:
        """An amount."""
        return self.whole(key, least, MAX_FARE_FEN, "number of fen")

    def minutes(self, key: str, least: int = 0) -> int:
        """Up to a day."""
        return self.whole(key, least, DAY_MINUTES, "number of minutes")

    def metres(self, key: str, least: int = 0) -> int:
        """A distance."""
        return self.whole(key, least, MAX_METRES, "number of metres")

    def percent(self, key: str, most: int = 100) -> int:
        """A whole percentage from 0."""
        return self.whole(key, 0, most, "percentage")

    def text(self, key: str, longest: int = 200) -> str:
        """Words, not empty."""
        value = self.raw(key)
        if not isinstance(value, str) or not 0 < len(value.strip()) <= longest:
            raise self.wrong(key, f"is not a text of 1 to {longest} characters")
        return value

    def code(self, key: str) -> str:
        """An identifier."""
        value = self.raw(key)
        if not isinstance(value, str) or not _CODE.fullmatch(value):
            raise self.wrong(key, f"{value!r} is not a code")
        return value

    def codes(self, key: str, *, empty: bool = False) -> tuple[str, ...]:
        """Identifiers, each once, in the document's order; nothing there is an empty list where that is allowed."""
        if empty and not self.has(key):
            return ()
        value = self.raw(key)
        if not isinstance(value, list) or not all(isinstance(i, str) and _CODE.fullmatch(i) for i in value):
            raise self.wrong(key, "is not a list of codes")
        if len(set(value)) < len(value) or not (value or empty):
            raise self.wrong(key, "must name each once, and at least one")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.raw(key)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{value!r} is not true or false")
        return value

    def choice(self, key: str, choices: Mapping[str, T]) -> T:
        """One of some words."""
        value = self.raw(key)
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(key, f"{value!r} is none of {', '.join(choices)}")
        return choices[value]

    def date(self, key: str) -> date:
        """`YYYY-MM-DD`."""
        return self._parsed(
            key, "a date YYYY-MM-DD", lambda text: date.fromisoformat(text) if len(text) == 10 else None
        )

    def moment(self, key: str) -> datetime:
        """A time with its offset."""
        found = self._parsed(key, "a time with offset", datetime.fromisoformat)
        if found.tzinfo is None:
            raise self.wrong(key, "has no offset")
        return found

    def clock(self, key: str) -> time:
        """`HH:MM`."""
        return self._parsed(
            key, "a time HH:MM", lambda text: time.fromisoformat(text) if _CLOCK.fullmatch(text) else None
        )

    def object(self, key: str) -> Fields:
        """An object inside."""
        return Fields(self.raw(key), self.at(key))

    def objects(self, key: str) -> list[Fields]:
        """A list of objects inside, not empty."""
        value = self.raw(key)
        if not isinstance(value, list) or not value:
            raise self.wrong(key, "is not a list with something in it")
        return [Fields(item, f"{self.at(key)}[{index}]") for index, item in enumerate(value)]

    def __iter__(self) -> Iterator[str]:
        """All keys there are, where the document chooses them (station codes); each still has to be read."""
        return iter(self._values)

    def done(self) -> None:
        """Nothing may be left that was not asked for: a misspelt option would go unnoticed."""
        if left := sorted(self._values.keys() - self._seen):
            raise self.wrong(left[0], "is unknown")

    def _parsed(self, key: str, form: str, parse: Callable[[str], T | None]) -> T:
        value = self.raw(key)
        try:
            found = parse(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None:
            raise self.wrong(key, f"{value!r} is not {form}")
        return found
