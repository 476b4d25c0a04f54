"""What a card shows, as tables for a terminal window: every code in words where it has some, raw where it has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.utils.translation import gettext, pgettext
from rich.markup import escape
from rich.table import Table

from citizencard.core.money import format_yuan
from citizencard.management.cardwords import CARD_KINDS, FAMILIES, INDUSTRIES, TRANSACTIONS, TRIPS, Words
from terminals.card.status import StatusWord

Shown = Mapping[str, Any]

NOTHING: Final = "–"
BEHIND_PIN: Final = f"{StatusWord.SECURITY_NOT_SATISFIED:04X}"


def card_tables(shown: Shown) -> Iterator[Table]:
    """The card's facts, then its log, trips and compound records as far as it has them. Amounts in yuan."""
    yield _facts(shown)
    for name, table in (
        ("log", _log),
        ("deposit_log", _deposit_log),
        ("trips", _trips),
        ("compound", _compound),
    ):
        if isinstance(shown[name], list) and shown[name]:
            yield table(shown[name])


def _facts(shown: Shown) -> Table:
    table = Table(title=shown["card_number"] or pgettext("card", "no number"), show_header=False)
    # The word stands outside an f-string, where xgettext would not find it.
    blocked = pgettext("card", "blocked")
    if shown["other_number"]:
        table.add_row(pgettext("card", "number in another reading"), shown["other_number"])
    family = _word(FAMILIES, shown["family"], shown["family"])
    table.add_row(pgettext("card", "family"), f"{family} ({blocked})" if shown["blocked"] else family)
    table.add_row(pgettext("card", "valid"), f"{shown['start'] or '?'} – {shown['expiry'] or '?'}")
    places = [_code(shown[name]) for name in ("province", "city") if shown[name]]
    table.add_row(pgettext("card", "city"), " / ".join(places) or NOTHING)
    if shown["card_kind"]:
        table.add_row(pgettext("card", "kind"), _code(shown["card_kind"], CARD_KINDS))
    table.add_row(pgettext("card", "balance"), _amount(shown["balance_fen"], shown["currency"]))
    if shown["overdraft"]:
        used, limit = (_amount(shown["overdraft"][name]) for name in ("used_fen", "limit_fen"))
        table.add_row(pgettext("card", "overdraft used / limit"), f"{used} / {limit}")
    if shown["deposit_fen"] is not None:
        table.add_row(pgettext("card", "deposit"), _amount(shown["deposit_fen"], shown["currency"]))
    table.add_row(pgettext("card", "holder"), _holder(shown["holder"]))
    return table


def _holder(holder: Shown | None) -> str:
    if holder is None:
        return NOTHING
    if holder.get("sw") == BEHIND_PIN:
        return gettext("only with the card's PIN")
    words = (holder.get(name) for name in ("error", "name", "document_number", "number"))
    return _text(" ".join(filter(None, words))) or NOTHING


def _text(words: str) -> str:
    """Free text from a chip, harmless to a terminal window."""
    return escape(
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
    )


def _log(records: list[Shown]) -> Table:
    return _entries(pgettext("card", "log"), records)


def _deposit_log(records: list[Shown]) -> Table:
    return _entries(pgettext("card", "log of the deposit"), records)


def _entries(title: str, records: list[Shown]) -> Table:
    table = Table(title=title)
    table.add_column(pgettext("card", "number"), justify="right")
    table.add_column(pgettext("card", "kind"))
    table.add_column(pgettext("card", "amount"), justify="right")
    table.add_column(pgettext("card", "terminal"))
    table.add_column(pgettext("card", "time"))
    for record in records:
        if "raw" in record:
            table.add_row("?", record["raw"])
            continue
        kind = _word(TRANSACTIONS, record["kind_name"], f"{record['kind']:02X}")
        cells = (kind, _amount(record["amount_fen"]), record["terminal_no"], _time(record["when"]))
        table.add_row(str(record["sequence"]), *cells)
    return table


def _trips(records: list[Shown]) -> Table:
    table = Table(title=pgettext("card", "trips"))
    table.add_column(pgettext("card", "kind"))
    table.add_column(pgettext("card", "city"))
    table.add_column(pgettext("card", "line and station"))
    table.add_column(pgettext("card", "amount"), justify="right")
    table.add_column(pgettext("card", "balance after"), justify="right")
    table.add_column(pgettext("card", "time"))
    for record in records:
        if "raw" in record:
            table.add_row("?", record["raw"])
            continue
        kind = _word(TRIPS, record["kind_name"], f"{record['kind']:02X}")
        industry = _word(INDUSTRIES, record["industry_name"], f"{record['industry']:02X}")
        city = _code({"code": record["city"], "name": record["city_name"]})
        amounts = (_amount(record[name]) for name in ("amount_fen", "balance_after_fen"))
        place = f"{record['line']} {record['station']}"
        table.add_row(f"{industry}, {kind}", city, place, *amounts, _time(record["when"]))
    return table


def _compound(records: list[Shown]) -> Table:
    """Compound records differ by operator: their fields as they come."""
    table = Table(title=pgettext("card", "compound records"))
    table.add_column(pgettext("card", "file"))
    table.add_column(pgettext("card", "record"))
    table.add_column(pgettext("card", "content"))
    for record in records:
        content = {name: value for name, value in record.items() if name not in ("sfi", "record_id")}
        identifier = record.get("record_id", "?")
        name = f"{identifier:02X}" if isinstance(identifier, int) else identifier
        table.add_row(f"{record['sfi']:02X}", name, "\n".join(_lines(content)))
    return table


def _lines(content: Shown, prefix: str = "") -> Iterator[str]:
    """What is written in a record, one field a line; what is not (zeros) only fills the window."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{prefix}{key}.")
        elif str(value).strip("0") and value is not None:
            yield f"{prefix}{key}: {value}"


def _code(code: Shown, words: Words | None = None) -> str:
    """A code with its name behind it, if it has one."""
    name = code["name"] if words is None else _word(words, code["name"], "")
    return f"{code['code']} {name}" if name else str(code["code"])


def _word(words: Words, name: str | None, otherwise: str) -> str:
    return otherwise if name is None else str(words.get(name, otherwise))


def _amount(fen: Any, currency: str = "") -> str:
    """An amount, a refusal's reason, or nothing."""
    if isinstance(fen, int):
        return f"{format_yuan(fen)} {currency}".rstrip()
    return NOTHING if fen is None else str(fen["error"])


def _time(when: str) -> str:
    return when.replace("T", " ")
