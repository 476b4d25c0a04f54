"""An online purchase: one call to the key service, one to the database, for all that is simply accepted.

The database's `terminals_accept_purchase` says yes or nothing. Where it says nothing, the record goes the way of every
upload (:mod:`terminals.services.acceptance`), which judges it and says why: one judge, and a short cut to its commonest
verdict. What takes the short cut leaves the same rows behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from accounts.services.ledger import call_ledger
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.protocol import RIGHT, pack_tac_record
from terminals.services.acceptance.answers import accepted_tap
from terminals.services.acceptance.service import online_digest, online_number
from terminals.services.online.prices import Price, forget_price, price_on
from terminals.wire.errors import RecordError
from terminals.wire.record import TapRecord

_ACCEPT: Final = """
SELECT answer FROM terminals_accept_purchase(
    %s, %s, %s, %s, %s, %s, %s::integer, %s, %s::smallint, %s, %s, %s, %s, %s::smallint, %s, %s, %s, %s, %s, %s, %s::text::jsonb)
"""
_RIGHT: Final = bytes([RIGHT])


@dataclass(frozen=True, slots=True)
class Sender:
    """The terminal that signed, as far as a purchase needs it, and the key by which it did."""

    id: int
    key_id: int
    terminal_no: str


def accept_at_once(*, sender: Sender, body: bytes, now: datetime | None = None) -> Mapping[str, Any] | None:
    """The answer to a purchase that is simply accepted, or was answered before; None when it takes a judge.

    `body` is a tap record in JSON. With None nothing was changed, whatever the reason: `accept_tap` finds it again.
    """
    now = now or timezone.now()
    try:
        record = TapRecord.from_json(body.decode())
    except (RecordError, UnicodeDecodeError):
        return None
    latest = now + timedelta(seconds=settings.FUTURE_TOLERANCE_SECONDS)
    if record.terminal_no != sender.terminal_no or record.occurred_at > latest:
        return None
    try:
        if key_service().verify_purchase_tacs(_tac_record(record)) != _RIGHT:
            return None
        day = shanghai(record.occurred_at).date()
        (answer,) = call_ledger(_ACCEPT, _values(sender, record, now, price_on(sender.id, day)))
    except (CitizenCardError, DatabaseError):
        return None
    if answer is None:
        forget_price(sender.id, day)
    found: dict[str, Any] | None = answer
    return found


def _values(sender: Sender, record: TapRecord, now: datetime, price: Price) -> tuple[object, ...]:
    return (
        sender.id,
        sender.key_id,
        sender.terminal_no,
        online_number(record),
        online_digest(record),
        record.card_no,
        record.atc,
        record.terminal_seq,
        record.type,
        record.amount_fen,
        record.balance_fen,
        record.occurred_at,
        bytes.fromhex(record.tac),
        record.key_version,
        record.place,
        record.trip,
        now,
        settings.PRODUCTION,
        *price,
        json.dumps(accepted_tap(record), ensure_ascii=False),
    )


def _tac_record(record: TapRecord) -> bytes:
    return pack_tac_record(
        serial8=bytes.fromhex(record.card_no[-16:]),
        key_version=record.key_version,
        amount_fen=record.amount_fen,
        kind=record.type,
        terminal_no6=bytes.fromhex(record.terminal_no),
        terminal_seq=record.terminal_seq,
        when=record.occurred_at,
        tac4=bytes.fromhex(record.tac),
    )
