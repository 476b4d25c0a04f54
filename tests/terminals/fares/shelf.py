"""The documents the tests publish, and rides by short words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from terminals.card.crypto import CHINA
from terminals.fares.book import Book
from terminals.fares.holder import Entitlement, Holder
from terminals.fares.rides import Ride

HERE = Path(__file__).parent
PUBLISHED: list[dict[str, Any]] = json.loads((HERE / "documents.json").read_text("utf-8"))
BOOK = Book.parse(PUBLISHED)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def holder_of(words: str) -> Holder:
    """`student`, `1961-03-02`, or both."""
    births = [date.fromisoformat(word) for word in words.split() if word[0].isdigit()]
    categories = [word for word in words.split() if not word[0].isdigit()]
    proofs = tuple(Entitlement(word, date(2026, 1, 1), date(2030, 12, 31)) for word in categories)
    return Holder(births[0] if births else None, proofs)


def bus(ride_id: str, start: str, line: str = "1", tariff: str = "bus") -> Ride:
    return Ride(ride_id, tariff, at(start), line)


def book_with(*more: dict[str, Any], without: Iterable[str] = ()) -> Book:
    return Book.parse([item for item in PUBLISHED if item["id"] not in without] + list(more))
