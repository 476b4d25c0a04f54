"""What the centre told a terminal: fares, hot list, limits, rules; kept on its disk for the days without a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Protocol, Self

from terminals.fares.book import Book
from terminals.fares.documents import Document
from terminals.fares.fields import Fields
from terminals.fares.tariffs import TariffRule
from terminals.program.channels import ANY, CHANNELS, ChannelRule, guarded, parse_channels
from terminals.program.holders import NO_PASSES, Passes
from terminals.program.limits import NO_LIMITS, Limits
from terminals.program.lists import ListStore
from terminals.program.marks import NO_MARKS, Marks
from terminals.program.rhythm import NO_RHYTHM, Rhythm
from terminals.wire.packed import EMPTY
from terminals.wire.ride_code import key_of

NO_FARES: Final = Book(())
OWN: Final = "own"
"""The tariff's name where the centre tells none."""


class HotList(Protocol):
    """When a listing takes effect; None for a card that is not listed."""

    def get(self, card_no: str, /) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Orders:
    """`book` holds every published fare document, `tariff` names this terminal's own among them."""

    book: Book = NO_FARES
    tariff: str = ""
    hot_list: HotList = EMPTY
    limits: Limits = NO_LIMITS
    marks: Marks = NO_MARKS
    passes: Passes = NO_PASSES
    channels: Mapping[str, ChannelRule] = field(default_factory=lambda: CHANNELS)
    rhythm: Rhythm = NO_RHYTHM
    ride_keys: Mapping[bytes, bytes] = field(default_factory=dict)
    """The centre's keys for ride codes, by `wire.ride_code.key_of`."""

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """From what the centre's documents say; DocumentError (a FareError) or LimitsError when they cannot be used.

        Fares come as `documents` (see docs/fares.md) with the name of the terminal's own `tariff`, or as `tariffs`, the
        versions of that one tariff alone. What a newer centre says besides is passed over.
        """
        content = Fields(parameters)
        book, tariff = _fares(parameters)
        rhythm = Rhythm.parse(content)
        rows = guarded(rhythm.guard_s)
        return cls(
            book=book,
            tariff=tariff,
            limits=Limits.parse(parameters.get("limits", {})),
            marks=Marks.parse(content.object("marks")) if content.has("marks") else NO_MARKS,
            passes=Passes.parse(content.object("passes")) if content.has("passes") else NO_PASSES,
            channels=parse_channels(content.object("channels"), rows) if content.has("channels") else rows,
            rhythm=rhythm,
            ride_keys={key_of(key): key for key in map(bytes.fromhex, parameters.get("ride_code_keys", ()))},
        )

    @classmethod
    def of(cls, store: ListStore) -> Self:
        """From the signed documents of every kind. Raises as `parse`."""
        content: dict[str, Any] = {}
        for kind in ("parameters", "tariffs", "passes"):
            if kind in store.held:
                content |= json.loads(store.held[kind].content)
        return replace(cls.parse(content), hot_list=store.hot_list)

    def with_marks(self, marks: Marks) -> Self:
        """With these marks where the centre told none."""
        return self if self.marks != NO_MARKS else replace(self, marks=marks)

    def after_rides(self, count: int) -> Self:
        """For a card that rode here so often today without paying."""
        return replace(self, passes=replace(self.passes, ridden=count))

    def channel(self, code: str) -> ChannelRule:
        """The rule of a channel."""
        return self.channels.get(code, ANY)

    def own_tariff(self, chosen: str, day: date) -> tuple[Document, TariffRule]:
        """The version in force on a day, of the tariff chosen at installation or else told. FareError when there is none."""
        return self.book.tariff(chosen or self.tariff, day)


NO_ORDERS: Final = Orders()
"""Before the first word of the centre: no tariff, so nothing can be charged."""


def _fares(parameters: Mapping[str, Any]) -> tuple[Book, str]:
    """All documents and the name of the terminal's own tariff."""
    versions = parameters.get("tariffs") or ()
    named = parameters.get("tariff") or (versions[0].get("code", OWN) if versions else "")
    if parameters.get("documents") is not None:
        return Book.parse(parameters["documents"]), str(named)
    return Book.parse(_document(item, number) for number, item in enumerate(versions, 1)), str(named)


def _document(version: Mapping[str, Any], number: int) -> dict[str, Any]:
    """One version of a tariff as the document it would be published as."""
    code = version.get("code", OWN)
    return {
        "document": "tariff",
        "id": code,
        "version": number,
        "valid_from": version["valid_from"],
        "name": {"zh-Hans": version.get("name") or code},
        "legal_basis": version.get("legal_basis") or "-",
        "body": {"kind": version["kind"], "rule": version["rule"]},
    }
