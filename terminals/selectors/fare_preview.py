"""What documents would change: sample rides priced by the book as it is and as it would be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from terminals.fares.bodies import Cap, Concession, Incomplete, Transfer
from terminals.fares.book import Book
from terminals.fares.charge import Charge
from terminals.fares.documents import Document
from terminals.fares.samples import Sample, price_sample, samples
from terminals.models import FareDocument

TARIFFS_MAX: Final = 20
"""More at once are not read by anybody."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A sample ride on the day the documents hold, and its charge before and after; None where there is no fare."""

    day: date
    tariff: Document
    sample: Sample
    before: Charge | None
    after: Charge | None


def preview_fares(*, documents: Iterable[Document], before: Book, after: Book) -> list[Preview]:
    """Sample rides of every tariff that the documents touch, on the day the last of them begins to hold."""
    changed = list(documents)
    if not changed:
        return []
    day = max(document.valid_from for document in changed)
    touched = sorted({tariff for document in changed for tariff in _touched(document, after)})
    tariffs = {item.id: item for item in after.in_force(FareDocument.Sort.TARIFF, day)}
    return [
        Preview(day, tariffs[tariff], sample, price_sample(sample, before), price_sample(sample, after))
        for tariff in touched[:TARIFFS_MAX]
        if tariff in tariffs
        for sample in samples(after, tariff, day)
    ]


def _touched(document: Document, book: Book) -> set[str]:
    """The tariffs whose price a document may change."""
    match document.body:
        case Transfer(to_tariffs=tariffs):
            return set(tariffs)
        case Concession(tariffs=tariffs) | Cap(tariffs=tariffs) | Incomplete(tariffs=tariffs):
            return set(tariffs)
        case _:
            return {document.id} if document.sort == FareDocument.Sort.TARIFF else set()
