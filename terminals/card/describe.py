"""Everything a supported purse card shows, as plain values for JSON and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from terminals.card import commands
from terminals.card.application import Application, find_application
from terminals.card.commands import PURSE
from terminals.card.families import FAMILIES, ISSUER_CITY, CardFamily
from terminals.card.files import EF16, EF17, WITH_DEPOSIT, ManagementInfo, PublicInfo
from terminals.card.layout import Layout
from terminals.card.money import describe_money
from terminals.card.places import INFO, NumberPlace, Place, Source, day
from terminals.card.plain import Plain, attempt, named, parsed, whole
from terminals.card.profile import T_UNION
from terminals.card.purse import pin_block
from terminals.card.reading import CardReader
from terminals.card.transport import Transport

TYPE: Final = Place(INFO, 8, 9)
MANAGEMENT: Final = Source(EF17, (11, ManagementInfo.length()))
"""EF17; terminals read its first eleven bytes."""


def describe_card(
    transport: Transport, pin: str | None = None, families: Sequence[CardFamily] = FAMILIES
) -> Plain:
    """Read the card without changing it. Amounts in fen, bytes in hex, times Asia/Shanghai.

    A part the card does not have is None, one it refuses is `{"error": reason}`, one that does not fit its layout is
    `{"raw": hex, "error": reason}`. The PIN, when given, opens the holder's data; a wrong one costs a try and raises
    WrongPin. CardError when no supported application is there, TransportError when the line fails.
    """
    reader = CardReader(transport)
    card = find_application(reader, families)
    if pin is not None:
        reader.ask(commands.verify_pin(pin_block(pin), T_UNION.pin_reference))
    family = card.family
    details = _details(card)
    kind = card.first((TYPE,), Place.take)
    with_deposit = family.purse == PURSE and kind is not None and kind[0] in WITH_DEPOSIT
    card.enter_money()
    money = describe_money(reader, family, with_deposit=with_deposit)
    files = {name: _file(card, source, layout) for name, (source, layout) in family.files.items()}
    shown = {"family": family.code, "blocked": card.blocked, **_identity(card)}
    return shown | _place_and_kind(card, details["management"]) | money | details | files


def _details(card: Application) -> Plain:
    """EF15, EF16 and EF17 as they stand."""
    family = card.family
    return {
        "application": next((parsed(whole(PublicInfo), content) for content in card.contents(INFO)), None),
        "management": _file(card, MANAGEMENT, ManagementInfo) if family.splits_balance else None,
        "holder": _file(card, Source(EF16, (family.holder.length(),)), family.holder),
    }


def _file(card: Application, source: Source, layout: type[Layout]) -> Any:
    return attempt(lambda: parsed(whole(layout), card.content(source)))


def _identity(card: Application) -> Plain:
    """Number and validity."""
    family = card.family
    other = () if family.other_number is None else (family.other_number,)
    return {
        "card_number": card.first(family.number, NumberPlace.number),
        "other_number": card.first(other, NumberPlace.number),
        "start": card.first(family.start, _day),
        "expiry": card.first(family.expiry, _day),
    }


def _day(place: Place, content: bytes) -> str | None:
    return day(place.take(content))


def _place_and_kind(card: Application, management: Plain | None) -> Plain:
    """Where the card comes from and what kind it is, codes with names."""
    family, told = card.family, management or {}
    codes: dict[str, tuple[Any, Mapping[Any, str]]] = {
        "province": (told.get("province"), family.regions),
        "city": (told.get("city") or _issuer_city(card), family.regions),
        "card_kind": (told.get("card_kind"), family.card_kinds),
    }
    return {name: None if code is None else named(code, names) for name, (code, names) in codes.items()}


def _issuer_city(card: Application) -> str | None:
    """The city in the issuer's identifier, for families that keep one there."""
    taken = card.first((ISSUER_CITY,), Place.take) if card.family.regions else None
    return None if taken is None else taken.hex().upper()
