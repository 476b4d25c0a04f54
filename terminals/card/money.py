"""What a card shows of its money: balance, overdraft, logs, trips and the records of compound purchases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from terminals.card.commands import DEPOSIT, BalancePart
from terminals.card.compound import parse_compound
from terminals.card.families import CardFamily
from terminals.card.files import EF1E, EF18, EF19, LogRecord, TripRecord
from terminals.card.places import is_empty
from terminals.card.plain import Plain, attempt, log_entry, parsed, trip_entry
from terminals.card.purse import LOG_RECORDS, TRIP_RECORDS
from terminals.card.reading import CardReader

COMPOUND_RECORDS: Final = 16


def describe_money(reader: CardReader, family: CardFamily, *, with_deposit: bool) -> Plain:
    """Everything the selected application shows of its money, amounts in hundredths of the family's currency."""
    return {
        "currency": family.currency,
        **_balance(reader, family),
        "log": _log(reader, EF18, family.unit_fen),
        "deposit_fen": attempt(lambda: reader.balance(BalancePart.STORED, DEPOSIT)) if with_deposit else None,
        "deposit_log": _log(reader, EF19, family.unit_fen) if with_deposit else None,
        "trips": _records(reader, EF1E, TRIP_RECORDS, TripRecord.length(), trip_entry)
        if family.has_trips
        else None,
        "compound": [record for sfi in family.compound_sfis for record in _compound(reader, sfi)],
    }


def _balance(reader: CardReader, family: CardFamily) -> Plain:
    """The holder's own funds, negative when the overdraft is in use, and the overdraft where the card tells it.

    The stored balance counts the overdraft limit in: so says a real card's log, and so do two readers of T-Union
    cards, which show GET BALANCE P1 00 less P1 01. A third shows P1 03, and minus P1 02 when that is nothing. The
    first reading is used, the third where the card refuses P1 00. Where P1 03 says as much as P1 00 the limit is not
    counted in, or the card does not look at P1 at all: then it is left out.
    """
    stored = attempt(lambda: reader.balance(BalancePart.STORED, family.purse))
    if not family.splits_balance:
        told = stored * family.unit_fen - family.offset_fen if isinstance(stored, int) else stored
        return {"balance_fen": told, "overdraft": None}
    if not isinstance(stored, int):
        return _split_balance(reader, family, stored)
    limit = _part(reader, family, BalancePart.OVERDRAFT_LIMIT)
    if limit and _part(reader, family, BalancePart.FUNDS) == stored:
        limit = None
    overdraft = None if limit is None else {"limit_fen": limit, "used_fen": max(limit - stored, 0)}
    return {"balance_fen": stored - (limit or 0), "overdraft": overdraft}


def _split_balance(reader: CardReader, family: CardFamily, refused: Any) -> Plain:
    funds = _part(reader, family, BalancePart.FUNDS)
    if funds is None:
        return {"balance_fen": refused, "overdraft": None}
    limit, used = (
        _part(reader, family, part) for part in (BalancePart.OVERDRAFT_LIMIT, BalancePart.OVERDRAFT_USED)
    )
    overdraft = None if limit is None and used is None else {"limit_fen": limit, "used_fen": used}
    return {"balance_fen": funds or -(used or 0), "overdraft": overdraft}


def _part(reader: CardReader, family: CardFamily, part: BalancePart) -> int | None:
    told = attempt(lambda: reader.balance(part, family.purse))
    return told if isinstance(told, int) else None


def _log(reader: CardReader, sfi: int, unit_fen: int) -> Any:
    return _records(
        reader, sfi, LOG_RECORDS, LogRecord.length(), lambda content: log_entry(content, unit_fen)
    )


def _compound(reader: CardReader, sfi: int) -> list[Plain]:
    shown = _records(reader, sfi, COMPOUND_RECORDS, 0, lambda content: parsed(parse_compound, content))
    return [{"sfi": sfi} | record for record in shown] if isinstance(shown, list) else []


def _records(
    reader: CardReader, sfi: int, count: int, length: int, show: Callable[[bytes], Plain]
) -> list[Plain] | Plain | None:
    """A file's records as shown, those never written left out; None or an error as `attempt` says."""
    contents = attempt(lambda: reader.records(sfi, count, length))
    if not isinstance(contents, list):
        return contents  # type: ignore[no-any-return]  # what attempt gives instead of records
    return [show(content) for content in contents if not is_empty(content)]
