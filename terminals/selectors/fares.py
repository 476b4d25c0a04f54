"""Published fares as the pure library reads them: the book of all documents, parsed once for as long as it stays the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Final

from django.db import connection
from django.db.models import QuerySet

from terminals.fares.book import Book
from terminals.fares.documents import Document
from terminals.models import FareDocument

_STAMP: Final = "SELECT count(*), coalesce(max(id), 0), count(withdrawn_at) FROM terminals_faredocument"


def live_documents() -> QuerySet[FareDocument]:
    """All documents that are published and not withdrawn, by sort, id and date."""
    return FareDocument.objects.filter(withdrawn_at=None).order_by("sort", "code", "valid_from")


def documents_on(day: date) -> list[FareDocument]:
    """The version of each rule that holds on a day."""
    begun = {each.code: each for each in live_documents().filter(valid_from__lte=day)}
    return [each for each in begun.values() if each.valid_until is None or day <= each.valid_until]


def categories_on(day: date) -> dict[str, list[str]]:
    """What may be proved for a concession of the day: category, and the names of the rules that ask for it."""
    found: dict[str, list[str]] = {}
    for row in documents_on(day):
        if row.sort == FareDocument.Sort.CONCESSION:
            for category in row.content["body"].get("categories", []):
                found.setdefault(category, []).append(row.name)
    return dict(sorted(found.items()))


def book_stamp() -> str:
    """What changes whenever a document is published or withdrawn: an ETag of everything that follows from them."""
    with connection.cursor() as cursor:
        cursor.execute(_STAMP)
        return "-".join(str(number) for number in cursor.fetchone())


def fare_book() -> Book:
    """All live documents together. One query while nothing changes, two after a change."""
    return _book(book_stamp())


def parsed(documents: Iterable[FareDocument]) -> list[Document]:
    """As the library has them."""
    return [Document.parse(each.content) for each in documents]


@lru_cache(maxsize=2)
def _book(_stamp: str) -> Book:
    return Book.of(parsed(live_documents()))
