"""Everything a supported purse card shows, as plain values for JSON and for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from typing import Any

from terminals.card.apdu import ApduError, ApplicationBlocked
from terminals.card.crypto import TransactionType
from terminals.card.errors import CardError, FormatError
from terminals.card.files import LogRecord
from terminals.card.layout import Layout
from terminals.card.profile import PROFILES
from terminals.card.purse import PurseSession
from terminals.card.transport import Transport

Plain = dict[str, Any]


def describe_card(transport: Transport, pin: str | None = None) -> Plain:
    """Read the card without changing it. Amounts in fen, bytes in hex, times Asia/Shanghai.

    A part the chip refuses or that does not parse becomes `{"error": reason}`. The PIN, when given, opens the
    holder's data; a wrong one costs a try and raises WrongPin. CardError when no supported application is there.
    """
    session, blocked = _select(transport)
    if pin is not None:
        session.verify_pin(pin)
    shown: Plain = {"profile": session.profile.code, "blocked": blocked}
    try:
        info = session.public_info()
        shown |= {"card_number": session.profile.card_number(info), "application": _plain(info)}
    except FormatError as error:
        shown |= {"card_number": None, "application": {"error": str(error)}}
    shown["management"] = _attempt(lambda: _plain(session.management_info()))
    shown["holder"] = _attempt(lambda: _plain(session.holder()))
    shown["balance_fen"] = _attempt(session.balance_fen)
    shown["log"] = _attempt(lambda: [_log_entry(record) for record in session.log()])
    if session.profile.has_trips:
        shown["trips"] = _attempt(lambda: [_plain(record) for record in session.trips()])
    return shown


def _select(transport: Transport) -> tuple[PurseSession, bool]:
    """The first supported application on the card, and whether it is blocked."""
    for profile in PROFILES:
        session = PurseSession(transport, profile)
        try:
            session.select()
        except ApplicationBlocked:
            return session, True
        except ApduError:
            continue
        return session, False
    raise CardError("the card holds no supported purse application")


def _attempt(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (ApduError, FormatError) as error:
        return {"error": str(error)}


def _log_entry(record: LogRecord) -> Plain:
    names = {kind.value: kind.name.lower() for kind in TransactionType}
    return _plain(record) | {"kind_name": names.get(record.kind, "unknown")}


def _plain(layout: Layout) -> Plain:
    return {place.name: _value(getattr(layout, place.name)) for place in fields(layout)}  # type: ignore[arg-type]  # all layouts are dataclasses


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex().upper()
    return value.isoformat() if isinstance(value, date) else value
