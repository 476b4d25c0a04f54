"""All published documents together: which of them hold for a ride."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations, pairwise
from typing import Self, TypeVar, cast

from terminals.fares.bodies import Cap, Concession, Incomplete, Subsidy, Transfer
from terminals.fares.documents import Document
from terminals.fares.errors import DocumentError, FareError
from terminals.fares.tariffs import TariffRule

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Book:
    """Documents in any number of versions. Of one id the latest that has begun holds, until it ends."""

    documents: tuple[Document, ...]

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Self:
        """Raises DocumentError where two contradict each other."""
        ordered = tuple(sorted(documents, key=lambda item: (item.id, item.valid_from)))
        for first, second in pairwise(ordered):
            if first.id == second.id and first.sort != second.sort:
                raise DocumentError("document", f"{first.id} is both a {first.sort} and a {second.sort}")
            if (first.id, first.valid_from) == (second.id, second.valid_from):
                raise DocumentError("valid_from", f"{first.id} has two versions of {first.valid_from}")
        return cls(ordered)._checked()

    @classmethod
    def parse(cls, published: Iterable[object]) -> Self:
        """From their JSON. Raises DocumentError."""
        return cls.of(Document.parse(item) for item in published)

    def in_force(self, sort: str, day: date) -> Iterator[Document]:
        """The version of each rule of a sort that holds on a day, by id."""
        begun = {item.id: item for item in self.documents if item.sort == sort and item.valid_from <= day}
        return (item for item in begun.values() if item.in_force(day))

    def tariff(self, tariff: str, day: date) -> tuple[Document, TariffRule]:
        """A tariff. Raises FareError when none holds."""
        found = next((item for item in self.in_force("tariff", day) if item.id == tariff), None)
        if found is None:
            raise FareError(f"no tariff {tariff} on {day}")
        return found, cast(TariffRule, found.body)

    def transfers(self, day: date) -> list[tuple[Document, Transfer]]:
        """All transfer rules of a day."""
        return self._bodies("transfer", day, Transfer)

    def concessions(self, day: date) -> list[tuple[Document, Concession]]:
        """All concessions of a day."""
        return self._bodies("concession", day, Concession)

    def caps(self, day: date) -> list[tuple[Document, Cap]]:
        """All caps of a day."""
        return self._bodies("cap", day, Cap)

    def incomplete(self, tariff: str, day: date) -> tuple[Document, Incomplete] | None:
        """The rule for journeys of a tariff that have one tap only; the first by id."""
        found = self._bodies("incomplete", day, Incomplete)
        return next((item for item in found if tariff in item[1].tariffs), None)

    def subsidy(self, rule: str, day: date) -> tuple[Document, Subsidy] | None:
        """Who pays for what a rule gave away; the first by id."""
        return next((item for item in self._bodies("subsidy", day, Subsidy) if rule in item[1].rules), None)

    def _bodies(self, sort: str, day: date, body: type[B]) -> list[tuple[Document, B]]:
        return [(item, item.body) for item in self.in_force(sort, day) if isinstance(item.body, body)]

    def _checked(self) -> Self:
        """Caps cover the same tariffs or none in common: else a cheaper ride could make a later one dearer."""
        caps = [item for item in self.documents if isinstance(item.body, Cap)]
        for first, second in combinations(caps, 2):
            mine, yours = set(cast(Cap, first.body).tariffs), set(cast(Cap, second.body).tariffs)
            together = max(first.valid_from, second.valid_from)
            if mine != yours and mine & yours and first.in_force(together) and second.in_force(together):
                raise DocumentError(
                    "body.tariffs", f"caps {first.id} and {second.id} share some tariffs, but not all"
                )
        return self
