"""What a report is: tables of typed columns over a period. Pages and files are made of this and nothing else, so that they agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from django.utils import translation
from django_stubs_ext import StrOrPromise

from settlement.models.proofs import canonical

Cell = str | int | None
LANGUAGE: Final = "zh-hans"
"""Documents are for Chinese accounts, whatever language the reader's screen has."""


class Kind(StrEnum):
    """What stands in a column: words, a number of things, or fen (shown as yuan)."""

    TEXT = "text"
    COUNT = "count"
    FEN = "fen"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and the kind of its cells; `summed`: the column has a total."""

    title: StrOrPromise
    kind: Kind = Kind.TEXT
    summed: bool = False


def text(title: StrOrPromise) -> Column:
    """A column of words."""
    return Column(title)


def count(title: StrOrPromise, *, summed: bool = True) -> Column:
    """A column of numbers of things."""
    return Column(title, Kind.COUNT, summed)


def fen(title: StrOrPromise, *, summed: bool = True) -> Column:
    """A column of amounts in fen."""
    return Column(title, Kind.FEN, summed)


@dataclass(frozen=True, slots=True)
class Lead:
    """What a row is made of: another report and the terms to ask it by."""

    report: str
    terms: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One table. `leads` are the rows' ways down, as many as there are rows, or none; `note` explains what the columns cannot.

    `drawn`: pages draw a chart, of which column's words and which column's figures.
    """

    title: StrOrPromise
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    leads: Sequence[Lead] = ()
    note: StrOrPromise = ""
    drawn: tuple[int, int] | None = None

    @property
    def totals(self) -> tuple[int | None, ...]:
        """The sum of each column that has one, None for the others."""
        return tuple(
            sum(int(row[index] or 0) for row in self.rows) if column.summed else None
            for index, column in enumerate(self.columns)
        )

    @property
    def is_summed(self) -> bool:
        """Some column has a total."""
        return any(column.summed for column in self.columns)


@dataclass(frozen=True, slots=True)
class Report:
    """Tables over `first` to `last`, as of `as_of`: the last date that is in it, None where none is yet.

    `facts` are names and values that stand above the tables.
    """

    code: str
    title: StrOrPromise
    first: date
    last: date
    as_of: date | None
    sections: tuple[Section, ...]
    facts: tuple[tuple[StrOrPromise, str], ...] = ()

    @property
    def period(self) -> str:
        """`2026-11`, or a date, or two."""
        if self.first == self.last:
            return self.first.isoformat()
        whole = self.first.day == 1 and (self.first.year, self.first.month) == (
            self.last.year,
            self.last.month,
        )
        return f"{self.first:%Y-%m}" if whole else f"{self.first}–{self.last}"


def frozen(report: Report) -> bytes:
    """The report in canonical form, in the language of documents; ways down are left out."""
    with translation.override(LANGUAGE):
        return canonical(
            {
                "code": report.code,
                "title": str(report.title),
                "first": report.first.isoformat(),
                "last": report.last.isoformat(),
                "as_of": report.as_of and report.as_of.isoformat(),
                "facts": [[str(name), value] for name, value in report.facts],
                "sections": [_frozen(section) for section in report.sections],
            }
        )


def thawed(content: bytes) -> Report:
    """The report that `frozen` made `content` of."""
    given: dict[str, Any] = json.loads(content)
    return Report(
        code=given["code"],
        title=given["title"],
        first=date.fromisoformat(given["first"]),
        last=date.fromisoformat(given["last"]),
        as_of=date.fromisoformat(given["as_of"]) if given["as_of"] else None,
        facts=tuple((name, value) for name, value in given["facts"]),
        sections=tuple(
            Section(
                title=section["title"],
                columns=tuple(
                    Column(title, Kind(kind), summed) for title, kind, summed in section["columns"]
                ),
                rows=[tuple(row) for row in section["rows"]],
                note=section["note"],
            )
            for section in given["sections"]
        ),
    )


def _frozen(section: Section) -> dict[str, Any]:
    return {
        "title": str(section.title),
        "columns": [[str(column.title), column.kind.value, column.summed] for column in section.columns],
        "rows": [list(row) for row in section.rows],
        "note": str(section.note),
    }
