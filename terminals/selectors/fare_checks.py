"""What stands against publishing fare documents: their form, their versions and dates, and whatever they name that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts.models import Chart, LedgerAccount
from terminals.fares.bodies import Cap, Concession, Incomplete, Subsidy, Transfer
from terminals.fares.book import Book
from terminals.fares.documents import Document
from terminals.fares.errors import DocumentError
from terminals.fares.journeys import PairFare, SectionFare
from terminals.models import FareDocument, Line, Stop, Terminal
from terminals.selectors.fares import live_documents, parsed

DOCUMENTS_MAX: Final = 1000
"""More at once are no proposal that a second person could read."""


@dataclass(frozen=True, slots=True)
class FareProblem:
    """What is wrong: the document by its id and version, or its place in the file; the field; the rule it breaks."""

    document: str
    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.document} · {self.field}: {self.rule}"


@dataclass(frozen=True, slots=True)
class Checked:
    """Documents that can be read, the book as it would be with them, and everything that is wrong."""

    documents: tuple[Document, ...]
    book: Book
    problems: tuple[FareProblem, ...]


def _payers() -> set[str]:
    codes = LedgerAccount.objects.filter(chart=Chart.SUBSIDY_RECEIVABLE).values_list("code", flat=True)
    return {code.partition(".")[2] for code in codes}


def _tariffs_in_use() -> set[str]:
    ended = (Terminal.State.REVOKED, Terminal.State.RETIRED)
    return set(Terminal.objects.exclude(state__in=ended).values_list("tariff_code", flat=True))


@dataclass(frozen=True)
class _City:
    """What documents may name."""

    lines: set[str] = field(default_factory=lambda: set(Line.objects.values_list("code", flat=True)))
    stops: set[str] = field(default_factory=lambda: set(Stop.objects.values_list("code", flat=True)))
    payers: set[str] = field(default_factory=_payers)
    in_use: set[str] = field(default_factory=_tariffs_in_use)


def check_documents(contents: Sequence[object], *, today: date, reason: str = "") -> Checked:
    """Everything that stands against publishing these documents, as JSON, beside those that are live."""
    documents, problems = _read(contents)
    known = list(live_documents())
    problems += _versions(documents, today, reason)
    try:
        book = Book.of([*parsed(known), *documents])
    except DocumentError as error:
        return Checked(tuple(documents), Book(()), (*problems, FareProblem("–", error.field, error.rule)))
    problems += _references(documents, book, _City())
    return Checked(tuple(documents), book, tuple(problems))


def check_published() -> list[FareProblem]:
    """What is wrong with what is published: bytes against digest, and whatever a document names that is not there."""
    known = list(live_documents())
    documents = parsed(known)
    altered = [
        FareProblem(label(document), "sha256", _("the digest is not that of the bytes"))
        for row, document in zip(known, documents, strict=True)
        if row.sha256 != document.digest
    ]
    book, city = Book.of(documents), _City()
    ids = {document.id for document in documents if document.sort == FareDocument.Sort.TARIFF}
    missing = [
        FareProblem(code, "tariff_code", _("terminals charge by it, and it was never published"))
        for code in sorted(city.in_use - ids)
    ]
    return [*altered, *missing, *_references(documents, book, city)]


def label(document: Document) -> str:
    """How a document is called in a problem."""
    return f"{document.id} v{document.version}"


def _read(contents: Sequence[object]) -> tuple[list[Document], list[FareProblem]]:
    documents, problems = [], []
    if not 0 < len(contents) <= DOCUMENTS_MAX:
        many = _("between 1 and %(most)s documents at once") % {"most": DOCUMENTS_MAX}
        return [], [FareProblem("–", "documents", many)]
    for place, content in enumerate(contents, start=1):
        try:
            documents.append(Document.parse(content))
        except DocumentError as error:
            named = content.get("id", "") if isinstance(content, Mapping) else ""
            problems.append(FareProblem(f"#{place} {named}".strip(), error.field or "document", error.rule))
    return documents, problems


def _versions(documents: Sequence[Document], today: date, reason: str) -> list[FareProblem]:
    """Versions only grow, withdrawn ones included; what begins in the past needs a reason."""
    highest = _highest({document.id for document in documents})
    problems = []
    for document in sorted(documents, key=lambda item: (item.id, item.version)):
        newest = highest.get(document.id, 0)
        if document.version <= newest:
            rule = _("version %(newest)s is used already: a new one has a higher number")
            problems.append(FareProblem(label(document), "version", rule % {"newest": newest}))
        highest[document.id] = max(newest, document.version)
        if document.valid_from < today and not reason.strip():
            rule = _("begins in the past: rides of that time are priced again, so say why")
            problems.append(FareProblem(label(document), "valid_from", rule))
    return problems


def _highest(ids: set[str]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for code, version in FareDocument.objects.filter(code__in=ids).values_list("code", "version"):
        newest[code] = max(version, newest.get(code, 0))
    return newest


def _references(documents: Iterable[Document], book: Book, city: _City) -> list[FareProblem]:
    sorts = {document.id: document.sort for document in book.documents}
    return [
        FareProblem(label(document), f"body.{name}", rule)
        for document in documents
        for name, rule in (*_named(document, sorts, city), *_ends(document, book, city))
    ]


def _named(document: Document, sorts: Mapping[str, str], city: _City) -> Iterator[tuple[str, str]]:
    """Each name a body uses for something that is not there."""
    for attribute, names, exists, rule in _uses(document.body, sorts, city):
        yield from ((attribute, rule % {"name": name}) for name in names if not exists(name))


def _uses(
    body: Any, sorts: Mapping[str, str], city: _City
) -> Iterator[tuple[str, Iterable[str], Callable[[str], bool], str]]:
    """The names in a body: field, names, what makes a name good, the rule otherwise."""

    def tariff(name: str) -> bool:
        return sorts.get(name) == FareDocument.Sort.TARIFF

    match body:
        case PairFare():
            yield "rule.stations", body.stations, city.stops.__contains__, _("there is no stop %(name)s")
        case SectionFare():
            yield "rule.sections", body.sections, city.stops.__contains__, _("there is no stop %(name)s")
        case Transfer():
            yield "from_tariffs", body.from_tariffs, tariff, _("%(name)s is no tariff")
            yield "to_tariffs", body.to_tariffs, tariff, _("%(name)s is no tariff")
            yield "combines_with", body.combines_with, sorts.__contains__, _("there is no rule %(name)s")
        case Concession():
            yield "tariffs", body.tariffs, tariff, _("%(name)s is no tariff")
            yield (
                "excluded_lines",
                body.excluded_lines,
                city.lines.__contains__,
                _("there is no line %(name)s"),
            )
            yield "combines_with", body.combines_with, sorts.__contains__, _("there is no rule %(name)s")
        case Cap() | Incomplete():
            yield "tariffs", body.tariffs, tariff, _("%(name)s is no tariff")
        case Subsidy():
            yield "rules", body.rules, sorts.__contains__, _("there is no rule %(name)s")
            payers = [payer for payer, _weight in body.payers]
            yield "payers", payers, city.payers.__contains__, _("no payer %(name)s has an account here")


def _ends(document: Document, book: Book, city: _City) -> Iterator[tuple[str, str]]:
    """A tariff that terminals charge by must not end before its next version begins."""
    if (
        document.sort != FareDocument.Sort.TARIFF
        or document.valid_until is None
        or document.id not in city.in_use
    ):
        return
    after = document.valid_until + timedelta(days=1)
    if not any(item.id == document.id for item in book.in_force(document.sort, after)):
        yield "valid_until", _("terminals charge by it, and no version follows")
