"""ISO 20022 messages through their dataclasses: deterministic bytes out; strict, harmless and checked reading in.

The dataclasses carry the schemas' facets (required, pattern, lengths, digits, occurrences); xsdata does not check them, so they
are checked here. A document type, an entity or a network address is never followed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeVar

from lxml import etree
from xsdata.exceptions import ConverterWarning, ParserError
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.parsers.handlers import LxmlEventHandler
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig
from xsdata.models.datatype import XmlDate, XmlDateTime

from citizencard.core.money import YUAN_FEN
from settlement.bankfiles.values import Fault, Problem, Unreadable

CURRENCY: Final = "CNY"
SIZE_MAX: Final = 32 * 1024 * 1024
_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"
_NUMBERS: Final = ("{*}Amt", "{*}InstdAmt", "{*}Sum", "{*}CtrlSum", "{*}OrgnlCtrlSum")
_DECIMAL: Final = re.compile(r"\s*([+-]?\d{1,18}(\.\d{1,17})?)?\s*", re.ASCII)
_FEN_MAX: Final = 10**15
T = TypeVar("T")


def to_bytes(document: Any, message: str) -> bytes:
    """The message as UTF-8; the same document gives the same bytes. Raises ValueError for what its schema does not allow."""
    if wrong := next(violations(document), None):
        raise ValueError(f"{message}: {wrong}")
    config = SerializerConfig(indent="  ", xml_declaration=True, encoding="UTF-8")
    return XmlSerializer(config=config).render(document, ns_map={None: _NAMESPACE + message}).encode()


def from_bytes(content: bytes, kind: type[T], repeated: str) -> tuple[T, list[int]]:
    """The message, and in which line of the file each of its `repeated` elements begins. Raises Unreadable."""
    if len(content) > SIZE_MAX:
        raise Unreadable(Problem(0, "file", Fault.TOO_LARGE))
    root = _harmless(content)
    _require_plain_numbers(root)
    lines = [int(each.sourceline or 0) for each in root.iter("{*}" + repeated)]
    config = ParserConfig(
        fail_on_unknown_properties=True, fail_on_unknown_attributes=True, fail_on_converter_warnings=True
    )
    try:
        document = XmlParser(config=config, handler=LxmlEventHandler).parse(root, kind)
    except (ParserError, ConverterWarning, ValueError, TypeError) as error:
        raise Unreadable(Problem(0, str(error)[:200], Fault.SCHEMA)) from error
    problems = [Problem(0, path, Fault.SCHEMA) for path in violations(document)]
    if problems:
        raise Unreadable(*problems)
    return document, lines


def violations(value: Any, path: str = "") -> Iterator[str]:
    """The paths of everything in a message that breaks a facet of its schema."""
    for field in dataclasses.fields(value):
        facets, given = field.metadata, getattr(value, field.name)
        where = f"{path}/{facets['name']}" if "name" in facets else path
        several = given if isinstance(given, list) else [] if given is None else [given]
        least = facets.get("min_occurs", 1 if facets.get("required") else 0)
        if not least <= len(several) <= facets.get("max_occurs", len(several)):
            yield where
        for each in several:
            if dataclasses.is_dataclass(each):
                yield from violations(each, where)
            elif not _fits(each, facets):
                yield where


def fen(amount: Any, line: int, field: str) -> int:
    """A CNY amount of a message as positive fen. Raises Unreadable."""
    if amount.ccy != CURRENCY:
        raise Unreadable(Problem(line, field, Fault.CURRENCY))
    return positive_fen(amount.value, line, field)


def positive_fen(value: Decimal, line: int, field: str) -> int:
    """A number of yuan as positive whole fen. Raises Unreadable."""
    found = whole_fen(value)
    if not found or found < 0:
        raise Unreadable(Problem(line, field, Fault.AMOUNT))
    return found


def whole_fen(value: Decimal | None) -> int | None:
    """A number of yuan as fen; None for none, or for what is not whole fen."""
    if value is None or not value.is_finite() or abs(value) * YUAN_FEN > _FEN_MAX:
        return None
    scaled = value * YUAN_FEN
    return int(scaled) if scaled == int(scaled) else None


def yuan(amount_fen: int) -> Decimal:
    """Fen as the exact number with two decimals that goes into a message."""
    return Decimal(amount_fen).scaleb(-2)


def day_of(moment: Any) -> date | None:
    """The date of an ISO date choice, whichever of the two it gives."""
    given: XmlDate | XmlDateTime | None = moment and (moment.dt or moment.dt_tm)
    try:
        return date(given.year, given.month, given.day) if given else None
    except ValueError:
        return None


def _harmless(content: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        raise Unreadable(Problem(line, "file", Fault.XML)) from error
    if root.getroottree().docinfo.doctype:
        raise Unreadable(Problem(1, "DOCTYPE", Fault.XML))
    return root


def _require_plain_numbers(root: etree._Element) -> None:
    """Python reads numbers that a schema has no idea of: 1e5, NaN. Raises Unreadable."""
    problems = [
        Problem(int(each.sourceline or 0), str(etree.QName(each).localname), Fault.AMOUNT)
        for each in root.iter(*_NUMBERS)
        if not _DECIMAL.fullmatch(each.text or "")
    ]
    if problems:
        raise Unreadable(*problems)


def _fits(value: Any, facets: Mapping[str, Any]) -> bool:
    if isinstance(value, str) and not isinstance(value, Enum):
        return _text_fits(value, facets)
    return not isinstance(value, Decimal) or _number_fits(value, facets)


def _text_fits(value: str, facets: Mapping[str, Any]) -> bool:
    shortest, longest = facets.get("min_length", 0), facets.get("max_length", len(value))
    pattern = facets.get("pattern", ".*")
    return bool(shortest <= len(value) <= longest and re.fullmatch(pattern, value, re.DOTALL))


def _number_fits(value: Decimal, facets: Mapping[str, Any]) -> bool:
    if not value.is_finite() or value < facets.get("min_inclusive", value):
        return False
    _sign, digits, exponent = value.as_tuple()
    decimals = max(0, -int(exponent))
    return bool(
        len(digits) <= facets.get("total_digits", len(digits))
        and decimals <= facets.get("fraction_digits", decimals)
    )
