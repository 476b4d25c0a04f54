"""Everything that speaks about one difference, as tables: records as they came, what was posted, who did what.

Personal data are masked: card numbers show their last four digits; a record as received has beside it the SHA-256 of what
really came, so that it can be proved later.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import F, Q, QuerySet

from accounts.models import Card, Transfer
from citizencard.core.masks import mask_card
from citizencard.core.models import AuditEntry
from settlement.models import BankEntry, BankFile, Difference, DifferenceKind, PayoutOrder, SuspenseItem
from terminals.models import Batch, Heartbeat, Refusal, Tap, Terminal, TerminalTotal

Rows = list[dict[str, Any]]
Kind = DifferenceKind
ROWS_MAX: Final = 50_000
_OF_TOTALS: Final = (Kind.MISSING_UPLOAD, Kind.BEYOND_TOTAL, Kind.AMOUNT_DIFFERS)
_OF_RECORDS: Final = (
    Kind.BAD_TAC, Kind.UNKNOWN_CARD, Kind.TEST_CARD, Kind.ILLEGAL_DATA, Kind.FUTURE, Kind.TERMINAL_MISMATCH,
)  # fmt: skip
_OF_PURCHASES: Final = (
    Kind.HOT_LISTED, Kind.COUNTER_CONFLICT, Kind.OVER_BALANCE, Kind.OVER_LIMIT, Kind.OVER_PRICE, Kind.LATE, Kind.KEY_UNUSABLE,
    Kind.CARD_NOT_ACTIVE, Kind.NOT_IN_LEDGER, Kind.NOT_A_PURCHASE, Kind.LEDGER_DIFFERS,
)  # fmt: skip
_OF_ORDERS: Final = (Kind.MISSING_AT_BANK, Kind.RETURNED)
_MOVED: Final = (Transfer.Kind.PURCHASE, Transfer.Kind.PURCHASE_HELD, Transfer.Kind.PURCHASE_CLAIM)
_CARD_NUMBER: Final = re.compile(r"[0-9]{13,}")
"""Nothing else in a record has so many digits on end."""
_COLUMNS: Final = re.compile(r"(D[0-9A-F]{12}[0-9]{10})(.{19})")
"""But in fixed columns, where the card number stands between others."""


def evidence_of(difference: Difference) -> dict[str, Rows]:
    """Tables by name, in the order of the story; those with nothing to say are left out."""
    terminal = difference.terminal
    totals, taps = _totals(difference), _taps(difference)
    refusals = _refusals(difference)
    batches = Batch.objects.filter(pk__in={*_column(taps, "batch_id"), *_column(refusals, "batch_id")})
    orders, entries = _orders(difference), _entries(difference)
    tables = {
        "difference": _rows(Difference.objects.filter(pk=difference.pk), *_DIFFERENCE),
        "history": _rows(difference.steps.order_by("pk"), "at", "state", "actor", "reason", "count", "ours_fen", "theirs_fen"),
        "terminal": _rows(Terminal.objects.filter(pk=difference.terminal_id or 0), *_TERMINAL),
        "keys": _rows(terminal.keys.order_by("pk"), "public_key", "valid_from", "valid_until", "revoked_at") if terminal else [],
        "heartbeats": _rows(_heartbeats(difference), "hour", "firmware", "sam_key_version", "drift_ms", "waiting_records"),
        "totals": _rows(totals, *_TOTAL),
        "counts": _rows(
            totals.filter(counts__isnull=False).order_by("pk", "counts__business_date"),
            "id", counted_on=F("counts__business_date"), counted=F("counts__records"), counted_fen=F("counts__amount_fen"),
        ),
        "batches": _rows(batches.order_by("pk"), *_BATCH),
        "records": [_masked(row) for row in _rows(refusals.order_by("id"), "business_date", "id", "batch_id", "line", "code", "detail", "received_at", "record")],
        "purchases": _with_cards(_rows(taps.order_by("business_date", "id"), *_TAP)),
        "transfers": _rows(_transfers(difference, taps), "business_date", "id", "kind", "debit_id", "credit_id", "amount_fen", "journal_id", "source_id", "occurred_at"),
        "orders": _rows(orders, *_ORDER),
        "bank": _rows(entries, *_ENTRY),
        "suspense": _rows(SuspenseItem.objects.filter(entry__in=entries).order_by("pk"), *_ITEM),
        "files": _rows(_files(difference, entries), "id", "kind", "sha256", "size", "problems", "actor", "at"),
        "audit": _rows(AuditEntry.objects.filter(subject__in=_subjects(difference, orders)).order_by("pk"), "at", "actor", "action", "subject", "detail", "hash"),
    }  # fmt: skip
    return {name: rows for name, rows in tables.items() if rows}


_DIFFERENCE: Final = (
    "id", "business_date", "kind", "subject", "owner", "terminal__code", "merchant__code", "terminal_seq", "source_id", "transfer_id",
    "count", "ours_fen", "theirs_fen", "since", "state", "actor", "reason", "proposed_by", "decided_by", "closed_at",
)  # fmt: skip
_TERMINAL: Final = (
    "code",
    "terminal_no",
    "kind",
    "serial",
    "merchant__code",
    "place",
    "state",
    "firmware",
    "sam_key_version",
    "seen_at",
)
_TOTAL: Final = (
    "id",
    "business_date",
    "from_seq",
    "to_seq",
    "records",
    "total_fen",
    "unfinished",
    "closed_at",
    "received_at",
)
_BATCH: Final = (
    "id", "number", "digest", "state", "online", "business_date", "received_at", "records", "total_fen", "accepted", "suspended",
    "duplicate", "rejected",
)  # fmt: skip
_TAP: Final = (
    "business_date", "id", "batch_id", "line", "terminal_seq", "card_id", "atc", "kind", "amount_fen", "balance_fen", "occurred_at",
    "received_at", "tac", "outcome", "trip",
)  # fmt: skip
_ORDER: Final = (
    "end_to_end_id", "batch__number", "batch__through", "batch__value_date", "merchant__code", "account__bank_code",
    "account__number_mask", "amount_fen", "state", "failure",
)  # fmt: skip
_ENTRY: Final = (
    "id", "statement__number", "statement__day", "row", "signed_fen", "booked_on", "valued_on", "reference", "end_to_end_id", "what",
    "transfer_date", "transfer_id",
)  # fmt: skip
_ITEM: Final = (
    "id",
    "kind",
    "signed_fen",
    "opened_on",
    "owner",
    "state",
    "target__code",
    "reason",
    "proposed_by",
    "resolved_by",
    "resolved_at",
)


def _document(difference: Difference) -> int:
    """The id of what it is about; none is 0."""
    return difference.source_id or 0


def _rows(found: QuerySet[Any], *names: str, **more: F) -> Rows:
    return list(found.values(*names, **more)[:ROWS_MAX])


def _column(found: QuerySet[Any], name: str) -> Iterable[Any]:
    return found.values_list(name, flat=True)[:ROWS_MAX]


def _totals(difference: Difference) -> QuerySet[TerminalTotal]:
    if difference.kind in _OF_TOTALS:
        return TerminalTotal.objects.filter(pk=_document(difference))
    if difference.kind == Kind.TOTAL_MISSING:
        return TerminalTotal.objects.filter(
            terminal=difference.terminal_id or 0, business_date=difference.business_date
        )
    return TerminalTotal.objects.none()


def _taps(difference: Difference) -> QuerySet[Tap]:
    taps = Tap.objects.all()
    if difference.kind in _OF_PURCHASES:
        found = taps.filter(business_date=difference.business_date, id=_document(difference))
        pairs = [Q(card_id=card, atc=atc) for card, atc in found.values_list("card_id", "atc")]
        return taps.filter(pairs[0]) if difference.kind == Kind.COUNTER_CONFLICT and pairs else found
    if difference.kind in _OF_TOTALS:
        total = _totals(difference).get()
        dates = list(total.counts.values_list("business_date", flat=True))
        return taps.filter(
            business_date__in=dates,
            terminal_id=total.terminal_id,
            terminal_seq__range=(total.from_seq, total.to_seq),
        )
    if difference.kind == Kind.TOTAL_MISSING:
        return taps.filter(business_date=difference.business_date, terminal_id=difference.terminal_id or 0)
    return taps.none()


def _refusals(difference: Difference) -> QuerySet[Refusal]:
    of_date = Refusal.objects.filter(business_date=difference.business_date)
    if difference.kind in _OF_RECORDS:
        return of_date.filter(id=_document(difference))
    if difference.kind == Kind.DUPLICATE:
        return of_date.filter(batch_id=_document(difference), code="duplicate")
    return of_date.none()


def _transfers(difference: Difference, taps: QuerySet[Tap]) -> QuerySet[Transfer]:
    named = Q(business_date=difference.business_date, id=difference.transfer_id or 0)
    keys: dict[Any, list[int]] = {}
    for day, tap_id in taps.values_list("business_date", "id")[:ROWS_MAX]:
        keys.setdefault(day, []).append(tap_id)
    for day, ids in keys.items():
        named |= Q(business_date=day, kind__in=_MOVED, source_id__in=ids)
    return Transfer.objects.filter(named).order_by("business_date", "id")


def _heartbeats(difference: Difference) -> QuerySet[Heartbeat]:
    told = Heartbeat.objects.filter(terminal=difference.terminal_id or 0, hour__lte=difference.since)
    return told.order_by("-hour") if difference.terminal_id else told.none()


def _orders(difference: Difference) -> QuerySet[PayoutOrder]:
    wanted = Q(pk=_document(difference)) if difference.kind in _OF_ORDERS else Q(pk=None)
    if difference.kind == Kind.UNKNOWN_AT_BANK:
        wanted = Q(entries__suspense=_document(difference))
    return PayoutOrder.objects.filter(wanted).order_by("pk")


def _entries(difference: Difference) -> QuerySet[BankEntry]:
    wanted = Q(order=_document(difference)) if difference.kind in _OF_ORDERS else Q(pk=None)
    if difference.kind == Kind.UNKNOWN_AT_BANK:
        wanted = Q(suspense=_document(difference))
    return BankEntry.objects.filter(wanted).order_by("pk")


def _files(difference: Difference, entries: QuerySet[BankEntry]) -> QuerySet[BankFile]:
    wanted = Q(bankstatement__entries__in=entries)
    if difference.kind == Kind.BANK_AMOUNT_DIFFERS:
        wanted |= Q(pk=difference.subject.partition(":")[2])
    return BankFile.objects.filter(wanted).distinct().order_by("at", "pk")


def _subjects(difference: Difference, orders: QuerySet[PayoutOrder]) -> list[str]:
    subjects = [f"difference:{difference.pk}"]
    if difference.terminal:
        subjects.append(f"terminal:{difference.terminal.code}")
    if difference.kind in _OF_PURCHASES:
        subjects += [f"purchase:{_document(difference)}", f"claim:{difference.transfer_id}"]
    if difference.kind == Kind.UNKNOWN_AT_BANK:
        subjects.append(f"suspense:{_document(difference)}")
    return subjects + [f"payout:{number}" for number in orders.values_list("batch__number", flat=True)]


def _with_cards(rows: Rows) -> Rows:
    """Cards by their masked numbers, not by what only our database knows."""
    pans = dict(Card.objects.filter(pk__in={row["card_id"] for row in rows}).values_list("pk", "pan"))
    return [
        {name: value for name, value in row.items() if name != "card_id"}
        | {"card": mask_card(pans.get(row["card_id"], ""))}
        for row in rows
    ]


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    text: str = row["record"]
    if columns := _COLUMNS.match(text):
        shown = columns[1] + mask_card(columns[2].strip()) + text[columns.end() :]
    else:
        shown = _CARD_NUMBER.sub(lambda found: mask_card(found[0]), text)
    return row | {"record": shown, "sha256": hashlib.sha256(text.encode()).hexdigest()}
