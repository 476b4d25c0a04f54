"""Purchases without proof: kept as terminals report them, and judged by what the card shows later.

Who judges is the chip: the counter and balance of its next purchase, or the balance that a load has proved by MAC1. What
settles counts like a purchase, so that its proven record, should it come yet, is a duplicate and pays nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Chart
from accounts.services import postings
from accounts.services.incidents import flag_false_cards
from accounts.services.ledger import post_journal
from terminals.models import Grey, GreyStep, Terminal
from terminals.services.lines import read_lines
from terminals.wire.errors import RecordError
from terminals.wire.grey import MAX_GREYS, GreyRecord

ACTOR: Final = "grey records"
AT_ONCE: Final = 2_000
_GREY_LOCK: Final = 0x4772_6579
"""Advisory lock ("Grey"): two runs take turns."""
State = GreyStep.State

_KEEP: Final = """
INSERT INTO terminals_grey (terminal_id, merchant_id, terminal_seq, cause, pan, card_id, atc, kind, amount_fen, balance_fen,
    occurred_at, tac, place)
SELECT %(terminal)s, %(merchant)s, told.seq, told.cause, told.pan, card.id, told.atc, told.kind, told.amount, told.balance,
    told.occurred_at, decode(told.tac, 'hex'), told.place
FROM jsonb_to_recordset(%(told)s::jsonb) AS told (seq bigint, cause text, pan text, atc integer, kind smallint, amount bigint,
    balance bigint, occurred_at timestamptz, tac text, place text)
LEFT JOIN accounts_card AS card ON card.pan = told.pan
ON CONFLICT DO NOTHING RETURNING id, cause, card_id, amount_fen, terminal_seq
"""
# What is known of a card after a grey record: the purchase with the next counter, and the first load after it.
_JUDGE: Final = """
WITH waiting AS (
    SELECT grey.*, device.sequences_seen @> grey.terminal_seq AS sequence_seen, device.kind AS device_kind,
        purse.offline_seen @> grey.atc AS counter_seen, purse.account_id, purse.floor_fen,
        CASE WHEN account.state = 'open' THEN purse.balance_fen - purse.held_fen ELSE 0 END AS spendable, merchant.payable_id
    FROM terminals_greystep AS step
    JOIN terminals_grey AS grey ON grey.id = step.grey_id
    JOIN terminals_terminal AS device ON device.id = grey.terminal_id
    JOIN terminals_merchant AS merchant ON merchant.id = grey.merchant_id
    LEFT JOIN accounts_purse AS purse ON purse.card_id = grey.card_id AND purse.kind = 'chip'
    LEFT JOIN accounts_ledgeraccount AS account ON account.id = purse.account_id
    WHERE step.state = 'open' AND (%(only)s::bigint[] IS NULL OR grey.id = ANY(%(only)s))
        AND NOT EXISTS (SELECT FROM terminals_greystep AS closed WHERE closed.grey_id = grey.id AND closed.state <> 'open')
), judged AS (
    SELECT waiting.*, next.before AS next_before, load.before AS load_before, CASE
        WHEN cause = 'not_paid' OR EXISTS (
            SELECT FROM terminals_grey AS word WHERE word.terminal_id = waiting.terminal_id
                AND word.terminal_seq = waiting.terminal_seq AND word.cause = 'not_paid') THEN 'not_paid'
        WHEN waiting.card_id IS NULL THEN 'unknown_card'
        WHEN sequence_seen THEN 'proven'
        WHEN counter_seen THEN 'counter_used'
        WHEN EXISTS (
            SELECT FROM terminals_hotlistentry AS entry WHERE entry.pan = waiting.pan
                AND entry.effective_at <= waiting.occurred_at
                AND (entry.removed_at IS NULL OR entry.removed_at > waiting.occurred_at)) THEN 'hot_listed'
        WHEN cause = 'logged' THEN 'logged'
        WHEN load.before = waiting.balance_fen OR load.before IS NULL AND next.before = waiting.balance_fen THEN 'reduced'
        WHEN load.before = waiting.balance_fen + waiting.amount_fen
            OR load.before IS NULL AND next.before = waiting.balance_fen + waiting.amount_fen THEN 'not_reduced'
        WHEN received_at + make_interval(days => policy.grey_days) <= %(now)s THEN 'expired' END AS rule
    FROM waiting
    LEFT JOIN LATERAL (
        SELECT tap.balance_fen + tap.amount_fen AS before, tap.occurred_at FROM terminals_tap AS tap
        WHERE tap.card_id = waiting.card_id AND tap.atc = waiting.atc + 1 AND tap.outcome NOT IN (3, 8) LIMIT 1
    ) AS next ON true
    LEFT JOIN LATERAL (
        SELECT loaded.balance_before_fen AS before FROM accounts_topuporder AS loaded
        WHERE loaded.card_id = waiting.card_id AND loaded.loaded_at > waiting.occurred_at
            AND (next.occurred_at IS NULL OR loaded.loaded_at < next.occurred_at)
        ORDER BY loaded.loaded_at LIMIT 1
    ) AS load ON true
    LEFT JOIN LATERAL (
        SELECT grey_days FROM terminals_parameterpolicy AS terms
        WHERE terms.kind IN ('', waiting.device_kind)
            AND terms.valid_from <= (waiting.received_at AT TIME ZONE 'Asia/Shanghai')::date
        ORDER BY terms.kind DESC, terms.valid_from DESC LIMIT 1
    ) AS policy ON true
), ranked AS (
    SELECT *, rule IN ('logged', 'reduced') AS pays,
        row_number() OVER (PARTITION BY card_id, atc, rule IN ('logged', 'reduced') ORDER BY cause <> 'logged', id) = 1
            AND row_number() OVER (PARTITION BY terminal_id, terminal_seq, rule IN ('logged', 'reduced')
                ORDER BY cause <> 'logged', id) = 1 AS first
    FROM judged WHERE rule IS NOT NULL
)
SELECT id, terminal_id, card_id, terminal_seq, atc, amount_fen, balance_fen, occurred_at, rule, account_id, payable_id,
    pays AND terminals_fits(spendable, floor_fen, amount_fen) OVER (
        PARTITION BY card_id, pays ORDER BY atc, id ROWS UNBOUNDED PRECEDING) AS fits,
    coalesce(load_before, next_before) AS seen_fen
FROM ranked WHERE first OR NOT pays ORDER BY id LIMIT %(limit)s
"""
# Terminals first, then purses, each in the order of their numbers: as acceptance takes them.
_LOCKS: Final = (
    "SELECT id FROM terminals_terminal WHERE id = ANY(%(terminals)s) ORDER BY id FOR NO KEY UPDATE",
    "SELECT id FROM accounts_purse WHERE account_id = ANY(%(accounts)s) ORDER BY account_id FOR NO KEY UPDATE",
)
_COUNT: Final = (
    """UPDATE accounts_purse AS purse SET offline_seen = purse.offline_seen + seen.counters
    FROM (SELECT card_id, range_agg(int4range(atc, atc, '[]')) AS counters FROM terminals_grey
        WHERE id = ANY(%(settled)s) GROUP BY card_id) AS seen
    WHERE purse.card_id = seen.card_id AND purse.kind = 'chip'""",
    """UPDATE terminals_terminal AS device SET sequences_seen = device.sequences_seen + seen.sequences
    FROM (SELECT terminal_id, range_agg(int8range(terminal_seq, terminal_seq, '[]')) AS sequences FROM terminals_grey
        WHERE id = ANY(%(settled)s) GROUP BY terminal_id) AS seen WHERE device.id = seen.terminal_id""",
)
_STATE: Final = {
    "not_paid": State.ENDED,
    "counter_used": State.ENDED,
    "not_reduced": State.ENDED,
    "unknown_card": State.DROPPED,
    "hot_listed": State.DROPPED,
    "expired": State.DROPPED,
    "proven": State.REPLACED,
    "logged": State.SETTLED,
    "reduced": State.SETTLED,
}
"""Where each rule of the judgement leads."""


@transaction.atomic
def accept_greys(*, terminal: Terminal, body: bytes) -> int:
    """Keep what a terminal reports, one JSON object a line (see `terminals.wire.grey`); how many lines it had.

    A line sent again is no change. Raises LineRefused, which names line and field; then none is kept. A card whose debit
    was not believed (MAC2) becomes a suspicion; no money moves here.
    """
    greys = _read(terminal, body)
    told = [_row(grey) for grey in greys]
    values: dict[str, Any] = {
        "terminal": terminal.pk,
        "merchant": terminal.merchant_id,
        "told": json.dumps(told),
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)
        new = cursor.fetchall()
    Terminal.objects.filter(pk=terminal.pk).update(seen_at=timezone.now())
    false = [row for row in new if row[1] == Grey.Cause.MAC2]
    GreyStep.objects.bulk_create(
        GreyStep(grey_id=row[0], state=State.SUSPICION if row in false else State.OPEN, rule=row[1])
        for row in new
    )
    evidence = {
        card_id: {"grey": number, "amount_fen": amount_fen, "terminal_seq": seq}
        for number, _, card_id, amount_fen, seq in false
        if card_id
    }
    if evidence:
        flag_false_cards(evidence=evidence, actor=f"terminal {terminal.code}", occurred_at=timezone.now())
    return len(greys)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A grey record and the rule that closes it; `fits` whether its purse pays, `seen_fen` the balance that decided."""

    id: int
    terminal_id: int
    card_id: int | None
    terminal_seq: int
    atc: int
    amount_fen: int
    balance_fen: int
    occurred_at: datetime
    rule: str
    account_id: int | None
    payable_id: int
    fits: bool | None
    seen_fen: int | None

    def step(self, journal_id: int | None) -> GreyStep:
        state = _STATE[self.rule]
        posted = journal_id if state == State.SETTLED and self.amount_fen else None
        detail = (
            {} if self.seen_fen is None else {"seen_fen": self.seen_fen, "expected_fen": self.balance_fen}
        )
        return GreyStep(grey_id=self.id, state=state, rule=self.rule, detail=detail, journal_id=posted)


@transaction.atomic
def settle_greys(*, now: datetime | None = None) -> int:
    """Close the grey records that can be judged, at most AT_ONCE; how many. Again changes nothing.

    A fixed number of statements, however many there are. Raises NoOpenBusinessDay.
    """
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_GREY_LOCK])
    found = _judge(now, None)
    if not found:
        return 0
    with connection.cursor() as cursor:
        parties = {
            "terminals": [grey.terminal_id for grey in found],
            "accounts": [grey.account_id for grey in found if grey.account_id],
        }
        for lock in _LOCKS:
            cursor.execute(lock, parties)
    judged = _judge(now, [grey.id for grey in found])
    settled = [grey for grey in judged if _STATE[grey.rule] == State.SETTLED]
    journal_id = _post(settled)
    if settled:
        with connection.cursor() as cursor:
            for count in _COUNT:
                cursor.execute(count, {"settled": [grey.id for grey in settled]})
    GreyStep.objects.bulk_create([grey.step(journal_id) for grey in judged])
    return len(judged)


def _judge(now: datetime, only: list[int] | None) -> list[_Judged]:
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"now": now, "only": only, "limit": AT_ONCE}
        cursor.execute(_JUDGE, values)
        return [_Judged(*row) for row in cursor.fetchall()]


def _post(settled: Sequence[_Judged]) -> int | None:
    paying = [grey for grey in settled if grey.amount_fen]
    if not paying:
        return None
    claim_id = postings.account_id(Chart.SUSPENSE_RECEIVABLE)
    legs = [
        leg
        for grey in paying
        for leg in postings.grey_settled(
            payer_id=grey.account_id if grey.fits and grey.account_id else claim_id,
            payable_id=grey.payable_id,
            amount_fen=grey.amount_fen,
            grey_id=grey.id,
            occurred_at=grey.occurred_at,
        )
    ]
    source = f"{len(paying)} grey records"
    journal = post_journal(key=f"grey:{paying[0].id}", kind="grey", actor=ACTOR, source=source, legs=legs)
    return journal.pk


def _read(terminal: Terminal, body: bytes) -> list[GreyRecord]:
    def read(content: Mapping[str, Any]) -> GreyRecord:
        grey = GreyRecord.from_dict(content)
        if grey.record.terminal_no != terminal.terminal_no:
            raise RecordError("terminal_no", f"this terminal's is {terminal.terminal_no}")
        return grey

    return read_lines(body, limit=MAX_GREYS, read=read)


def _row(grey: GreyRecord) -> dict[str, Any]:
    record = grey.record
    return {
        "seq": record.terminal_seq,
        "cause": grey.cause,
        "pan": record.card_no,
        "atc": record.atc,
        "kind": record.type,
        "amount": record.amount_fen,
        "balance": record.balance_fen,
        "occurred_at": record.occurred_at.isoformat(),
        "tac": record.tac if grey.cause == Grey.Cause.MAC2 else None,
        "place": record.place.replace("\x00", ""),
    }
