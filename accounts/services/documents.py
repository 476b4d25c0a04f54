"""What a citizen writes on a form, checked: document numbers, names, telephone numbers. All raise InvalidField."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from stdnum.cn import ric
from stdnum.exceptions import InvalidComponent

from accounts.models import Citizen
from citizencard.core.errors import InvalidField
from citizencard.core.pii import Kind, normalise

NAME_MAX: Final = 100
_RESIDENT_ID: Final = re.compile(r"(1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])\d{15}[\dX]")
"""Province (GB/T 2260; 81 to 83 for the residence permit of Hong Kong, Macao and Taiwan residents) and 16 more places.

Counties are not looked up: they come and go, and a number keeps the one of its day.
"""
_PASSPORT: Final = re.compile(r"[A-Z0-9]{5,20}")
_CHINESE_MOBILE: Final = re.compile(r"\+861[3-9]\d{9}")
_FOREIGN_PHONE: Final = re.compile(r"\+(?!86)[1-9]\d{6,14}")
_NAME_MARKS: Final = frozenset(" ·•'’-.,")


def check_document(kind: str, number: str) -> str:
    """The number in its one spelling: GB 11643 with check digit and birth date, or 5 to 20 letters and digits."""
    number = normalise(Kind.DOCUMENT, number)
    if kind == Citizen.Document.RESIDENT_ID:
        _check_resident_id(number)
    elif kind != Citizen.Document.PASSPORT:
        raise InvalidField("document_kind", _("unknown kind of document"))
    elif not _PASSPORT.fullmatch(number):
        raise InvalidField("document_number", _("a passport number has 5 to 20 letters and digits"))
    return number


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


def _check_resident_id(number: str) -> None:
    """GB 11643: 18 places, province, a birth date that has been, check digit by ISO 7064 MOD 11-2."""
    try:
        valid = (
            _RESIDENT_ID.fullmatch(number) is not None
            and ric.calc_check_digit(number) == number[-1]
            and ric.get_birth_date(number) <= timezone.localdate()
        )
    except InvalidComponent:
        valid = False
    if not valid:
        raise InvalidField("document_number", _("not a valid resident identity number"))
