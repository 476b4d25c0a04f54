"""What a citizen writes on a form, checked: document numbers, names, telephone numbers. All raise InvalidField.

Formats: GB 11643 (resident identity cards; the residence permits of Hong Kong, Macao and Taiwan residents and the foreigner's
permanent residence card of 2023 are numbered alike), and what the immigration authority prints on the others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from stdnum.cn import ric
from stdnum.exceptions import InvalidComponent

from accounts.models import IdentityDocument
from citizencard.core.errors import InvalidField
from citizencard.core.pii import Kind, normalise

NAME_MAX: Final = 100
Document = IdentityDocument.Kind
_FIRST_GENERATION: Final = re.compile(r"\d{15}")


class _Format(NamedTuple):
    """How numbers of a kind look; `checked` ones end with the digit of GB 11643 and hold the birth date."""

    pattern: re.Pattern[str]
    checked: bool
    refusal: StrOrPromise


_FORMATS: Final[Mapping[str, _Format]] = {
    # Province by GB/T 2260. Counties are not looked up: they come and go, and a number keeps the one of its day.
    Document.RESIDENT_ID: _Format(
        re.compile(r"(1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71)\d{15}[\dX]"),
        checked=True,
        refusal=_("not a valid resident identity number"),
    ),
    Document.RESIDENCE_PERMIT: _Format(
        re.compile(r"8[123]0000\d{11}[\dX]"),
        checked=True,
        refusal=_(
            "not a valid number of a residence permit: 810000, 820000 or 830000 and twelve more places"
        ),
    ),
    Document.FOREIGN_PERMANENT: _Format(
        re.compile(r"9\d{16}[\dX]"),
        checked=True,
        refusal=_("not a valid number: 18 places that begin with 9, or three letters and twelve digits"),
    ),
    Document.TAIWAN_PASS: _Format(
        re.compile(r"\d{8}(\d{2})?"), checked=False, refusal=_("eight digits, on older permits ten")
    ),
    Document.HOME_PASS: _Format(
        re.compile(r"[HM]\d{8}(\d{2})?"),
        checked=False,
        refusal=_("H or M and eight digits, on older permits ten"),
    ),
    Document.PASSPORT: _Format(
        re.compile(r"[A-Z0-9]{5,20}"),
        checked=False,
        refusal=_("a passport number has 5 to 20 letters and digits"),
    ),
}
_PERMANENT_2017: Final = re.compile(r"[A-Z]{3}\d{12}")
_CHINESE_MOBILE: Final = re.compile(r"\+861[3-9]\d{9}")
_FOREIGN_PHONE: Final = re.compile(r"\+(?!86)[1-9]\d{6,14}")
_NATIONALITY: Final = re.compile(r"[A-Z]{3}")
_NAME_MARKS: Final = frozenset(" ·•'’-.,")


def check_document(kind: str, number: str) -> str:
    """The number in its one spelling; check digit and birth date are right where the kind has them."""
    number = normalise(Kind.DOCUMENT, number)
    if kind not in _FORMATS:
        raise InvalidField("document_kind", _("unknown kind of document"))
    if kind == Document.RESIDENT_ID and _FIRST_GENERATION.fullmatch(number):
        raise InvalidField(
            "document_number",
            _(
                "a number of 15 digits is of the first generation and no longer valid: take the 18 places of the new card"
            ),
        )
    if kind == Document.FOREIGN_PERMANENT and _PERMANENT_2017.fullmatch(number):
        return number
    known = _FORMATS[kind]
    if not known.pattern.fullmatch(number) or (known.checked and not _is_right(number)):
        raise InvalidField("document_number", known.refusal)
    return number


def check_papers(kind: str, nationality: str, valid_to: date | None) -> str:
    """The nationality in its one spelling. A passport names its country and its end; nothing that has ended is taken."""
    nationality = nationality.strip().upper()
    if kind == Document.PASSPORT and not (nationality and valid_to):
        raise InvalidField("nationality", _("of a passport nationality and last day are needed"))
    if nationality and not _NATIONALITY.fullmatch(nationality):
        raise InvalidField("nationality", _("three letters by ISO 3166"))
    if valid_to is not None and valid_to < timezone.localdate():
        raise InvalidField("valid_to", _("the document has expired"))
    return nationality


def birth_in(kind: str, number: str) -> date | None:
    """The birth date that a checked number holds, if its kind does."""
    return ric.get_birth_date(number) if _FORMATS[kind].checked and len(number) == 18 else None


def check_birth(birth: date) -> date:
    """A day that has been, within a long life."""
    today = timezone.localdate()
    if not today.year - 130 <= birth.year or birth > today:
        raise InvalidField("birth_date", _("a day in the past"))
    return birth


def check_name(name: str) -> str:
    """The name as it is shown: 1 to 100 characters, letters of any script with the marks that names have."""
    name = normalise(Kind.NAME, name)
    if not 1 <= len(name) <= NAME_MAX:
        raise InvalidField("name", _("a name has 1 to 100 characters"))
    classes = [unicodedata.category(character)[0] for character in name]
    if "L" not in classes or not all(
        found in "LM" or character in _NAME_MARKS for found, character in zip(classes, name, strict=True)
    ):
        raise InvalidField("name", _("a name consists of letters"))
    return name


def check_phone(phone: str) -> str:
    """E.164: a Chinese mobile number, with or without +86, or any international number. Empty stays empty."""
    if not phone.strip():
        return ""
    phone = normalise(Kind.PHONE, phone)
    if not (_CHINESE_MOBILE.fullmatch(phone) or _FOREIGN_PHONE.fullmatch(phone)):
        raise InvalidField("phone", _("not a mobile number in China, nor an international number with +"))
    return phone


def _is_right(number: str) -> bool:
    """GB 11643: a birth date that has been, and the check digit of ISO 7064 MOD 11-2 over the other 17 places."""
    try:
        return (
            ric.calc_check_digit(number) == number[-1] and ric.get_birth_date(number) <= timezone.localdate()
        )
    except InvalidComponent:
        return False
