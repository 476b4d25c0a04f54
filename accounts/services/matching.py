"""The daily three-way match of top-ups: our orders, the gateway's statement, the chip's proofs, and the ledger under them.

The gateway's statement is read into a table first. The comparison is one statement over everything the date has touched
and everything still open, so that it does not matter how often and in which order dates are matched: a difference that is
still there is seen again, one that is gone is closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from accounts import locks
from accounts.errors import GatewayError
from accounts.gateway import configured_gateway, port
from accounts.models import GatewayEntry, TopUpDifference
from citizencard.core.audit import record_audit
from citizencard.core.calendar import SHANGHAI

ACTOR: Final = "match"
"""Who closes a difference that is gone."""
_BATCH: Final = 1_000

# What we say happened at the gateway and its statement does not (yet) show: these are asked for one by one.
_UNSETTLED = """
SELECT 'payment', topup.gateway_id FROM accounts_topuporder AS topup
    LEFT JOIN accounts_gatewayentry AS entry ON entry.gateway_id = topup.gateway_id
WHERE topup.gateway_id IS NOT NULL AND coalesce(entry.status, 'pending') = 'pending'
    AND (topup.paid_at >= %(start)s AND topup.paid_at < %(end)s
        OR topup.id IN (SELECT order_id FROM accounts_topupdifference WHERE closed_at IS NULL))
UNION ALL
SELECT 'refund', refund.gateway_id FROM accounts_gatewayrefund AS refund
    LEFT JOIN accounts_gatewayentry AS entry ON entry.gateway_id = refund.gateway_id
WHERE refund.gateway_id IS NOT NULL AND coalesce(entry.status, 'pending') = 'pending'
    AND (refund.settled_at >= %(start)s AND refund.settled_at < %(end)s
        OR refund.order_id IN (SELECT order_id FROM accounts_topupdifference WHERE closed_at IS NULL))
"""

_SCOPE = """
WITH still_open AS (
    SELECT order_id, subject FROM accounts_topupdifference WHERE closed_at IS NULL
), touched AS (
    SELECT id FROM accounts_topuporder WHERE received_at >= %(start)s AND received_at < %(end)s
    UNION SELECT id FROM accounts_topuporder WHERE paid_at >= %(start)s AND paid_at < %(end)s
    UNION SELECT id FROM accounts_topuporder WHERE loaded_at >= %(start)s AND loaded_at < %(end)s
    UNION SELECT id FROM accounts_topuporder WHERE reversed_at >= %(start)s AND reversed_at < %(end)s
    UNION SELECT order_id FROM accounts_gatewayrefund WHERE settled_at >= %(start)s AND settled_at < %(end)s
    UNION SELECT order_id FROM still_open
), topup AS MATERIALIZED (
    SELECT * FROM accounts_topuporder WHERE id IN (SELECT id FROM touched)
), entry AS MATERIALIZED (
    SELECT * FROM accounts_gatewayentry WHERE created_at >= %(start)s AND created_at < %(end)s
    UNION SELECT * FROM accounts_gatewayentry WHERE payment_id IN (SELECT gateway_id FROM topup)
    UNION SELECT * FROM accounts_gatewayentry WHERE gateway_id IN (SELECT subject FROM still_open)
), refund AS MATERIALIZED (
    SELECT * FROM accounts_gatewayrefund
    WHERE order_id IN (SELECT id FROM topup) OR key IN (SELECT reference FROM entry WHERE kind = 'refund')
)
"""

_PAYMENTS = """
    SELECT 'paid_not_booked' AS kind, entry.gateway_id AS subject, coalesce(ours.id, named.id) AS order_id,
        0 AS ours_fen, entry.amount_fen AS theirs_fen
    FROM entry LEFT JOIN accounts_topuporder AS ours ON ours.gateway_id = entry.gateway_id
        LEFT JOIN accounts_topuporder AS named ON named.number = entry.reference
    WHERE entry.kind = 'payment' AND entry.status = 'succeeded' AND ours.paid_at IS NULL
    UNION ALL
    SELECT 'booked_not_paid', topup.number, topup.id, topup.amount_fen, 0
    FROM topup LEFT JOIN entry ON entry.gateway_id = topup.gateway_id AND entry.status = 'succeeded'
    WHERE topup.paid_at IS NOT NULL AND (topup.gateway_id IS NOT NULL OR topup.channel = 'gateway')
        AND entry.gateway_id IS NULL
    UNION ALL
    SELECT 'amount_differs', topup.number, topup.id, topup.amount_fen, entry.amount_fen
    FROM topup JOIN entry ON entry.gateway_id = topup.gateway_id AND entry.status = 'succeeded'
    WHERE (entry.amount_fen, entry.currency) <> (topup.amount_fen, %(currency)s)
"""

_REFUNDS = """
    SELECT 'reversed_not_refunded', topup.number, topup.id, topup.amount_fen, coalesce(sum(refund.amount_fen), 0)
    FROM topup LEFT JOIN refund ON refund.order_id = topup.id AND refund.state IN ('sent', 'succeeded')
    WHERE topup.state = 'reversed' AND topup.paid_at IS NOT NULL AND topup.gateway_id IS NOT NULL
    GROUP BY topup.number, topup.id, topup.amount_fen HAVING coalesce(sum(refund.amount_fen), 0) < topup.amount_fen
    UNION ALL
    SELECT 'refunded_not_booked', entry.gateway_id, paid.id, 0, entry.amount_fen
    FROM entry LEFT JOIN refund ON refund.key = entry.reference
        LEFT JOIN accounts_topuporder AS paid ON paid.gateway_id = entry.payment_id
    WHERE entry.kind = 'refund' AND entry.status IN ('pending', 'succeeded') AND refund.id IS NULL
    UNION ALL
    SELECT 'refund_differs', refund.key, refund.order_id,
        CASE refund.state WHEN 'succeeded' THEN refund.amount_fen ELSE 0 END,
        CASE entry.status WHEN 'succeeded' THEN entry.amount_fen ELSE 0 END
    FROM refund LEFT JOIN entry ON entry.gateway_id = refund.gateway_id
    WHERE refund.state = 'succeeded' AND (entry.status IS DISTINCT FROM 'succeeded'
            OR (entry.amount_fen, entry.currency) <> (refund.amount_fen, %(currency)s))
        OR refund.state = 'failed' AND entry.status = 'succeeded'
"""

# An order's postings are made after it was received, on a day that was not closed by then.
_BOOKS = """
    SELECT 'loaded_not_proven', number, id, amount_fen, 0
    FROM topup WHERE state = 'loaded' AND loaded_at < %(now)s - interval '1 hour'
    UNION ALL
    SELECT 'ledger_differs', number, id, sum(due_fen), sum(posted_fen) FROM (
        SELECT topup.number, topup.id, event.kind, CASE WHEN event.due THEN topup.amount_fen ELSE 0 END AS due_fen,
            coalesce(sum(transfer.amount_fen), 0) AS posted_fen
        FROM topup CROSS JOIN LATERAL (VALUES (1, paid_at IS NOT NULL), (2, state = 'confirmed'),
            (3, state = 'reversed' AND paid_at IS NOT NULL)) AS event (kind, due)
        LEFT JOIN accounts_transfer AS transfer ON transfer.source_id = topup.id AND transfer.kind = event.kind
            AND transfer.business_date >= (SELECT min(date) FROM core_businessday
                WHERE closed_at IS NULL OR closed_at >= (SELECT min(received_at) FROM topup))
        GROUP BY topup.number, topup.id, topup.amount_fen, event.kind, event.due
    ) AS booked GROUP BY number, id HAVING bool_or(due_fen <> posted_fen)
"""

_COMPARE = f"""
{_SCOPE}, found AS MATERIALIZED ({_PAYMENTS} UNION ALL {_REFUNDS} UNION ALL {_BOOKS}
), seen AS (
    INSERT INTO accounts_topupdifference AS known
        (kind, subject, order_id, ours_fen, theirs_fen, owner, first_seen, last_seen)
    SELECT kind, subject, order_id, ours_fen, theirs_fen,
        CASE kind WHEN 'loaded_not_proven' THEN 'counter' ELSE 'finance' END, %(day)s, %(day)s FROM found
    ON CONFLICT (kind, subject) WHERE closed_at IS NULL DO UPDATE SET
        ours_fen = excluded.ours_fen, theirs_fen = excluded.theirs_fen,
        first_seen = least(known.first_seen, excluded.first_seen),
        last_seen = greatest(known.last_seen, excluded.last_seen)
    RETURNING xmax = 0 AS is_new
), gone AS (
    UPDATE accounts_topupdifference AS known SET closed_at = %(now)s, closed_by = %(actor)s
    WHERE closed_at IS NULL
        AND NOT EXISTS (SELECT FROM found WHERE found.kind = known.kind AND found.subject = known.subject)
    RETURNING id
)
SELECT (SELECT count(*) FROM topup), (SELECT count(*) FROM entry), (SELECT count(*) FROM seen WHERE is_new),
    (SELECT count(*) FROM seen WHERE NOT is_new), (SELECT count(*) FROM gone)
"""  # noqa: S608  constants only
_MATCH_LOCK: Final = 0x4D54_4348  # "MTCH"


@dataclass(frozen=True, slots=True)
class Match:
    """What was compared, and how many differences are new, still open, and closed because they are gone."""

    orders: int
    entries: int
    opened: int
    still_open: int
    closed: int


def match_topups(day: date) -> Match:
    """Match the calendar date `day` (Asia/Shanghai); run it when the date is over. Repeating it changes nothing.

    Raises GatewayUnavailable, GatewayError: then nothing was compared.
    """
    start = datetime.combine(day, time(), SHANGHAI)
    window = {"start": start, "end": start + timedelta(days=1)}
    _read_statement(window["start"], window["end"])
    _store(_ask_one_by_one(window))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_MATCH_LOCK])
        cursor.execute(
            _COMPARE,
            {**window, "day": day, "now": timezone.now(), "actor": ACTOR, "currency": port.CURRENCY},
        )
        return Match(*cursor.fetchone())


@transaction.atomic
def close_difference(*, difference: TopUpDifference, actor: str, note: str) -> TopUpDifference:
    """A person has dealt with it. Audited; if the next match finds it again, it is open again as a new row."""
    current = locks.lock_difference(difference.pk)
    if current.closed_at is None:
        current.closed_at, current.closed_by, current.note = timezone.now(), actor, note
        current.save(update_fields=["closed_at", "closed_by", "note"])
        record_audit(
            actor=actor,
            action="topup_difference.close",
            subject=f"difference:{current.pk}",
            detail={"kind": current.kind, "subject": current.subject, "note": note},
        )
    return current


def _read_statement(start: datetime, end: datetime) -> None:
    gateway = configured_gateway()
    _store(
        chain(
            map(_payment_entry, gateway.payments_between(start=start, end=end)),
            map(_refund_entry, gateway.refunds_between(start=start, end=end)),
        )
    )


def _ask_one_by_one(window: dict[str, datetime]) -> Iterator[GatewayEntry]:
    """Payments and refunds of ours that the statement of another date has, or that were pending when we read it.

    One the gateway does not know stays without entry.
    """
    gateway = configured_gateway()
    with connection.cursor() as cursor:
        cursor.execute(_UNSETTLED, window)
        unsettled = cursor.fetchall()
    for kind, gateway_id in unsettled:
        with suppress(GatewayError):
            if kind == GatewayEntry.Kind.PAYMENT:
                yield _payment_entry(gateway.retrieve_payment(gateway_id))
            else:
                yield _refund_entry(gateway.retrieve_refund(gateway_id))


def _payment_entry(payment: port.Payment) -> GatewayEntry:
    return _entry(payment, GatewayEntry.Kind.PAYMENT, payment_id=payment.id, reference=payment.order_number)


def _refund_entry(refund: port.GatewayRefund) -> GatewayEntry:
    return _entry(refund, GatewayEntry.Kind.REFUND, payment_id=refund.payment_id, reference=refund.key)


def _entry(
    told: port.Payment | port.GatewayRefund, kind: GatewayEntry.Kind, *, payment_id: str, reference: str
) -> GatewayEntry:
    return GatewayEntry(
        gateway_id=told.id,
        kind=kind,
        payment_id=payment_id,
        reference=reference,
        amount_fen=told.amount_fen,
        currency=told.currency,
        status=told.status,
        created_at=told.created_at,
    )


def _store(entries: Iterable[GatewayEntry]) -> None:
    """Write entries as the gateway tells them now, a batch at a time: no transaction is open while it answers.

    A list that grows while it is read may say something twice.
    """
    entries = iter(entries)
    while batch := list(islice(entries, _BATCH)):
        GatewayEntry.objects.bulk_create(
            {entry.gateway_id: entry for entry in batch}.values(),
            update_conflicts=True,
            unique_fields=["gateway_id"],
            update_fields=["reference", "amount_fen", "currency", "status"],
        )
