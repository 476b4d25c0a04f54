"""A year's dates by the State Council's notice: holidays and the weekends worked instead, from the lines of a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import InvalidField
from settlement.models import CalendarDay, CalendarYear, Proposal
from settlement.services.rules.reading import read

HOLIDAYS: Final = ("元旦", "春节", "清明节", "劳动节", "端午节", "中秋节", "国庆节")
"""What every year has (全国年节及纪念日放假办法, second article). Two that fall together share a line, joined by 、."""
COLUMNS: Final = ("from", "until", "kind", "name")
_SATURDAY: Final = 5
_WORDS: Final = (CalendarDay.Kind.HOLIDAY.value, CalendarDay.Kind.MAKEUP.value)
_Dates = dict[date, tuple[str, str]]


def read_lines(text: str) -> list[dict[str, str]]:
    """The lines of a calendar file (CSV under COLUMNS), as the `lines` of a proposal; what is in them is checked there.

    Raises InvalidField for other columns.
    """
    rows = csv.DictReader(text.splitlines())
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise InvalidField("line 1", _("the columns are %(columns)s") % {"columns": ",".join(COLUMNS)})
    return [{key: value or "" for key, value in row.items() if key} for row in rows]


def check(content: object) -> dict[str, Any]:
    """The year as it is to be kept. Raises InvalidField naming the line (the file's first one is its heading) and the rule."""
    with read(content) as fields:
        year, notice = fields.whole("year", 2000, 2199, "year"), fields.text("notice", 100)
        lines = fields.raw("lines")
    if not isinstance(lines, list) or not all(
        isinstance(line, dict)
        and line.keys() == set(COLUMNS)
        and all(isinstance(each, str) for each in line.values())
        for line in lines
    ):
        raise InvalidField("lines", _("the columns are %(columns)s") % {"columns": ",".join(COLUMNS)})
    named = _named(year, lines)
    told = {part for kind, name in named.values() if kind == _WORDS[0] for part in name.split("、")}
    if missing := [name for name in HOLIDAYS if name not in told]:
        raise InvalidField("lines", _("the year is not complete: %(names)s") % {"names": "、".join(missing)})
    return {"year": year, "notice": notice, "lines": lines}


def publish(content: dict[str, Any], proposal: Proposal) -> CalendarYear:
    """Put a checked year in force, in place of an earlier version of it."""
    named = _named(content["year"], content["lines"])
    year = CalendarYear.objects.create(year=content["year"], notice=content["notice"], proposal=proposal)
    CalendarDay.objects.bulk_create(
        CalendarDay(year=year, date=day, kind=kind, name=name)
        for day in _dates(date(year.year, 1, 1), date(year.year, 12, 31))
        for kind, name in [named.get(day, _by_weekday(day))]
    )
    return year


def _named(year: int, lines: list[dict[str, str]]) -> _Dates:
    """The dates that lines name, with kind and name."""
    found: _Dates = {}
    for number, line in enumerate(lines, start=2):
        where = f"line {number}"
        kind, name = line["kind"], line["name"].strip()
        try:
            first, last = date.fromisoformat(line["from"]), date.fromisoformat(line["until"])
        except ValueError as error:
            raise InvalidField(where, _("not a date")) from error
        if kind not in _WORDS:
            raise InvalidField(
                where, _("%(word)s is none of %(words)s") % {"word": kind, "words": ", ".join(_WORDS)}
            )
        if not name or not first <= last or {first.year, last.year} != {year}:
            raise InvalidField(where, _("a name, and dates of %(year)d in their order") % {"year": year})
        for day in _dates(first, last):
            if day in found:
                raise InvalidField(where, _("%(date)s stands there twice") % {"date": day})
            if kind == CalendarDay.Kind.MAKEUP and day.weekday() < _SATURDAY:
                raise InvalidField(where, _("%(date)s is no weekend") % {"date": day})
            found[day] = kind, name
    return found


def _dates(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=past) for past in range((last - first).days + 1))


def _by_weekday(day: date) -> tuple[str, str]:
    kinds = CalendarDay.Kind
    return (kinds.WORKING if day.weekday() < _SATURDAY else kinds.WEEKEND).value, ""
