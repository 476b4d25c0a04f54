"""The comparison list 比对名单: CSV in UTF-8 or GBK, as another authority hands it over.

First line: list number, who sends it, as of which day, number of lines. Then a line per person: running number, document number,
what has happened (死亡, 迁出, 迁入, 更名, 死亡撤销), on which day, and the new name of who was renamed.

    RK2026-11,市公安局,2026-11-30,2
    1,350501195001010015,死亡,2026-11-02,
    2,350501198803030023,更名,2026-11-09,林小美
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import PersonChange
from accounts.services.csv_lines import Unreadable, read_lines
from accounts.services.documents import check_name
from citizencard.core.errors import InvalidField
from citizencard.core.pii import Kind, normalise

LINES_MAX: Final = 100_000
WORDS: Final = {
    "死亡": PersonChange.Kind.DECEASED,
    "死亡撤销": PersonChange.Kind.ALIVE,
    "迁出": PersonChange.Kind.MOVED_OUT,
    "迁入": PersonChange.Kind.MOVED_IN,
    "更名": PersonChange.Kind.RENAMED,
}
_NUMBER: Final = re.compile(r"[A-Za-z0-9-]{1,32}")
_COUNT: Final = re.compile(r"[0-9]{1,6}")
_DOCUMENT: Final = re.compile(r"[0-9A-Za-z]{5,20}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Fault(models.TextChoices):
    """What can be wrong with a list or a line of it."""

    ENCODING = "encoding", _("the file is neither UTF-8 nor GBK")
    FORMAT = "format", _("not the columns that belong here")
    TOO_LONG = "too_long", _("the file has too many rows")
    NUMBER = "number", _("a list number has 1 to 32 letters, digits and hyphens")
    SOURCE = "source", _("the sender has 1 to 40 characters")
    COUNT_DIFFERS = "count_differs", _("the header says another number of rows")
    ROW_NUMBER = "row_number", _("rows are numbered 1, 2, 3 …")
    DOCUMENT = "document", _("not a document number")
    EVENT = "event", _("write 死亡, 死亡撤销, 迁出, 迁入 or 更名")
    DAY = "day", _("not a day (YYYY-MM-DD), or after the day of the list")
    NAME = "name", _("a new name for 更名, and only there")
    TWICE = "twice", _("the same is in an earlier row")


class Problem(NamedTuple):
    """One thing wrong: its row (0: the header), the field, what it is."""

    row: int
    field: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Line:
    """One person; document and name are not for logs."""

    row: int
    document: str = field(repr=False)
    kind: PersonChange.Kind
    on: date
    name: str = field(repr=False)


class Header(NamedTuple):
    """What the list says of itself."""

    number: str
    source: str
    as_of: date
    lines: int


@dataclass(frozen=True, slots=True)
class ComparisonFile:
    """What could be read: without a header nothing else was looked at; a bad row is a problem and no line."""

    sha256: bytes
    header: Header | None
    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]


def read_comparison_file(content: bytes) -> ComparisonFile:
    """Read a list and check it as far as that goes by itself. Never raises: what is wrong is in `problems`."""
    digest = hashlib.sha256(content).digest()
    try:
        rows = read_lines(content, lines_max=LINES_MAX + 1)
    except Unreadable as error:
        return ComparisonFile(digest, None, (), (Problem(0, "file", Fault(error.code)),))
    header = _header(rows[0] if rows else [])
    if isinstance(header, Problem):
        return ComparisonFile(digest, None, (), (header,))
    read = [_line(number, row, header.as_of) for number, row in enumerate(rows[1:], 1)]
    lines = tuple(each for each in read if isinstance(each, Line))
    problems = [each for each in read if isinstance(each, Problem)]
    first: dict[tuple[str, str], int] = {}
    for line in lines:
        if first.setdefault((normalise(Kind.DOCUMENT, line.document), line.kind), line.row) != line.row:
            problems.append(Problem(line.row, "document", Fault.TWICE))
    if header.lines != len(read):
        problems.append(Problem(0, "count", Fault.COUNT_DIFFERS))
    return ComparisonFile(digest, header, lines, tuple(sorted(problems)))


def _header(row: Sequence[str]) -> Header | Problem:
    if len(row) != 4:
        return Problem(0, "header", Fault.FORMAT)
    number, source, as_of, count = row
    if not _NUMBER.fullmatch(number):
        return Problem(0, "number", Fault.NUMBER)
    if not 1 <= len(source) <= 40:
        return Problem(0, "source", Fault.SOURCE)
    day = _day(as_of)
    if day is None:
        return Problem(0, "as_of", Fault.DAY)
    if not _COUNT.fullmatch(count) or not int(count):
        return Problem(0, "count", Fault.COUNT_DIFFERS)
    return Header(number, source, day, int(count))


def _line(number: int, row: Sequence[str], as_of: date) -> Line | Problem:
    if len(row) not in (4, 5):
        return Problem(number, "row", Fault.FORMAT)
    position, document, event, on, name = [*row, ""][:5]
    if position != str(number):
        return Problem(number, "row", Fault.ROW_NUMBER)
    if not _DOCUMENT.fullmatch(document):
        return Problem(number, "document", Fault.DOCUMENT)
    kind, day = WORDS.get(event), _day(on)
    if kind is None:
        return Problem(number, "event", Fault.EVENT)
    if day is None or day > as_of:
        return Problem(number, "on", Fault.DAY)
    if bool(name) != (kind == PersonChange.Kind.RENAMED):
        return Problem(number, "name", Fault.NAME)
    try:
        return Line(number, document, kind, day, check_name(name) if name else "")
    except InvalidField:
        return Problem(number, "name", Fault.NAME)


def _day(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
