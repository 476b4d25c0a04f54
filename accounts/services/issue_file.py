"""A list of people as XLSX: read with bounds on everything, and judged row by row without asking the register."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook, load_workbook

from accounts.errors import IssueFileRefused
from accounts.models import IdentityDocument
from accounts.selectors.ages import whole_years
from accounts.services.citizens import OWN_CONSENT
from accounts.services.documents import birth_in, check_document, check_name, check_phone
from citizencard.core.errors import InvalidField

BYTES_MAX: Final = 5_000_000
UNPACKED_MAX: Final = 60_000_000
ROWS_MAX: Final = 10_000
HEADINGS: Final = ("姓名", "证件类型", "证件号码", "手机号", "同意")
_KINDS: Final = {
    "居民身份证": IdentityDocument.Kind.RESIDENT_ID,
    "港澳台居民居住证": IdentityDocument.Kind.RESIDENCE_PERMIT,
    "外国人永久居留身份证": IdentityDocument.Kind.FOREIGN_PERMANENT,
    "台湾居民来往大陆通行证": IdentityDocument.Kind.TAIWAN_PASS,
    "港澳居民来往内地通行证": IdentityDocument.Kind.HOME_PASS,
}
"""A passport takes its country and its end besides: who has only that comes to the counter."""
_SELF, _GUARDIAN = "本人", "监护人"
"""Who agreed to issue and use of the card, and to the data being processed."""


class Fault(models.TextChoices):
    """What can be wrong with a row; `field` of a Problem names the column."""

    FORMULA = "formula", _("a formula; paste values only")
    NAME = "name", _("not a name")
    KIND = "kind", _("unknown kind of document")
    DOCUMENT = "document", _("not a valid document number; check every digit")
    PHONE = "phone", _("not a telephone number")
    CONSENT = "consent", _("nobody has agreed: write 本人 or 监护人")
    GUARDIAN = "guardian", _("younger than 14: a guardian on record has to have agreed")
    TWICE = "twice", _("the person is in an earlier row")
    HELD = "held", _("the person has such a card already")


class Problem(NamedTuple):
    """One fault; rows are those of the sheet, whose heading is row 1."""

    row: int
    field: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Person:
    """A row in one spelling, in clear; its repr shows nothing of it."""

    row: int
    name: str = field(repr=False)
    kind: str = field(repr=False)
    document: str = field(repr=False)
    phone: str = field(repr=False)
    birth: date | None = field(repr=False)
    guarded: bool


@dataclass(frozen=True, slots=True)
class IssueFile:
    """What a file says."""

    sha256: bytes
    people: tuple[Person, ...]
    problems: tuple[Problem, ...]


def read_issue_file(content: bytes, today: date) -> IssueFile:
    """People and problems of a list. Raises IssueFileRefused for what is no such list at all."""
    people: list[Person] = []
    problems: list[Problem] = []
    rows = _rows(content)
    for number, cells in enumerate(rows, start=2):
        found = _person(number, cells, today)
        if isinstance(found, Person):
            people.append(found)
        else:
            problems.append(found)
    if not rows:
        raise IssueFileRefused(_("it has no rows"))
    return IssueFile(hashlib.sha256(content).digest(), tuple(people), tuple(problems))


def template_xlsx() -> bytes:
    """An empty list with its headings, to be filled in."""
    book = Workbook()
    book.worksheets[0].append(HEADINGS)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _rows(content: bytes) -> list[Sequence[str]]:
    """The rows below the heading as trimmed texts, without empty ones at the end; a formula is a text that begins with =."""
    _check_size(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        lines = sheet.iter_rows(max_row=ROWS_MAX + 2, max_col=len(HEADINGS), values_only=True)
        rows = [tuple("" if cell is None else str(cell).strip() for cell in line) for line in lines]
    except Exception as error:  # the library raises whatever its parsers do on a broken file
        raise IssueFileRefused(_("it is no workbook in XLSX form")) from error
    while rows and not any(rows[-1]):
        rows.pop()
    if not rows or rows[0] != HEADINGS:
        raise IssueFileRefused(_("its first row must be %(headings)s") % {"headings": "、".join(HEADINGS)})
    if len(rows) > ROWS_MAX + 1:
        raise IssueFileRefused(_("it has more than 10,000 rows"))
    return list(rows[1:])


def _check_size(content: bytes) -> None:
    """Refuse what would unpack to more than it may, or declares entities, before anything parses it."""
    if len(content) > BYTES_MAX:
        raise IssueFileRefused(_("it is larger than 5 MB"))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_MAX:
                raise IssueFileRefused(_("it unpacks to more than 60 MB"))
            for entry in archive.infolist():
                plain = archive.read(entry).replace(b"\0", b"")
                if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
                    raise IssueFileRefused(_("it declares entities"))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise IssueFileRefused(_("it is no workbook in XLSX form")) from error


def _person(number: int, cells: Sequence[str], today: date) -> Person | Problem:
    """A row, or the first thing that is wrong with it."""
    cells = [*cells, *[""] * (len(HEADINGS) - len(cells))]
    for heading, cell in zip(HEADINGS, cells, strict=True):
        if cell.startswith("="):
            return Problem(number, heading, Fault.FORMULA)
    name, kind_word, document, phone, consent = cells
    kind = _KINDS.get(kind_word)
    if kind is None:
        return Problem(number, HEADINGS[1], Fault.KIND)
    try:
        checked = check_document(kind, document)
        birth = birth_in(kind, checked)
        guarded = birth is not None and whole_years(birth, today) < OWN_CONSENT
        person = Person(number, check_name(name), kind, checked, check_phone(phone), birth, guarded)
    except InvalidField as error:
        column, fault = _FIELDS[error.data["field"]]
        return Problem(number, HEADINGS[column], fault)
    if consent not in (_SELF, _GUARDIAN):
        return Problem(number, HEADINGS[4], Fault.CONSENT)
    if consent == _SELF and guarded:
        return Problem(number, HEADINGS[4], Fault.GUARDIAN)
    return person


_FIELDS: Final = {
    "name": (0, Fault.NAME),
    "document_kind": (1, Fault.KIND),
    "document_number": (2, Fault.DOCUMENT),
    "phone": (3, Fault.PHONE),
}
