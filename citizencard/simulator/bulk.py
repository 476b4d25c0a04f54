"""Many cards and top-ups at once, set-wise: the rows that the services leave behind, without a call for each card.

For simulated and measured cities only. Every invariant of the books holds for what is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from accounts.models import Card, CardProduct, Chart
from accounts.services.ledger import open_account

_ISSUE: Final = """
WITH face AS (
    SELECT unnest(%(pans)s::text[]) AS pan
), account AS (
    INSERT INTO accounts_ledgeraccount (code, chart, side, name, control_id)
    SELECT %(chart)s || '.' || pan, %(chart)s, 'C', pan, %(control)s FROM face RETURNING id, code
), card AS (
    INSERT INTO accounts_card
        (pan, product_id, state, key_version, valid_from, valid_to, price_fen, deposit_fen, created_at)
    SELECT pan, %(product)s, 'active', %(key_version)s, %(day)s, %(until)s, 0, 0, now() FROM face RETURNING id, pan
), purse AS (
    INSERT INTO accounts_purse (card_id, account_id, balance_fen, floor_fen, ceiling_fen, movements)
    SELECT card.id, account.id, 0, %(floor)s, %(ceiling)s, 0
    FROM card JOIN account ON account.code = %(chart)s || '.' || card.pan
)
INSERT INTO accounts_cardevent (card_id, source, target, actor, reason, occurred_at)
SELECT card.id, step.source, step.target, %(actor)s, '', %(at)s
FROM card, unnest(%(sources)s::text[], %(targets)s::text[]) WITH ORDINALITY AS step (source, target, number)
ORDER BY card.id, step.number
"""
_STEPS: Final = ("", Card.State.BLANK, Card.State.PERSONALISED, Card.State.ISSUED, Card.State.ACTIVE)

_LOADING: Final = """
CREATE TEMP TABLE loading (
    pan text, occurred_at timestamptz, amount_fen bigint, online_atc integer, before_fen bigint, tac bytea
) ON COMMIT DROP
"""
_LOAD: Final = """
WITH made AS (
    INSERT INTO accounts_topuporder (number, card_id, purse_id, amount_fen, channel, state, actor, occurred_at, paid_at,
        online_atc, balance_before_fen, terminal_no, loaded_at, tac, proof, confirmed_at)
    SELECT 'TUS' || card.id || '-' || online_atc, card.id, purse.id, amount_fen, 'cash', 'confirmed', %(actor)s, occurred_at,
        now(), online_atc, before_fen, %(terminal_no)s, occurred_at, tac, 'tac', now()
    FROM loading JOIN accounts_card AS card USING (pan)
    JOIN accounts_purse AS purse ON purse.card_id = card.id AND purse.kind = 'chip'
    RETURNING id, purse_id, amount_fen, occurred_at, online_atc
), journal AS (
    INSERT INTO accounts_journal (key, kind, actor, reason, source, business_date, posted_at)
    VALUES (%(key)s, 'topup', %(actor)s, '', %(key)s, %(day)s, now()) RETURNING id
), seen AS (
    UPDATE accounts_purse AS purse SET online_seen = online_seen + loaded.counters
    FROM (SELECT purse_id, range_agg(int4range(online_atc, online_atc, '[]')) AS counters FROM made GROUP BY 1) AS loaded
    WHERE loaded.purse_id = purse.id RETURNING purse.id, purse.account_id
)
INSERT INTO accounts_transfer
    (business_date, kind, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at)
SELECT %(day)s, leg.kind, leg.debit_id, leg.credit_id, made.amount_fen, journal.id, made.id, made.occurred_at
FROM journal, made JOIN seen ON seen.id = made.purse_id
CROSS JOIN LATERAL (VALUES
    (1, %(cash)s::bigint, %(transit)s::bigint), (2, %(transit)s, seen.account_id)) AS leg (kind, debit_id, credit_id)
"""


class Load(NamedTuple):
    """One top-up in cash, loaded onto the chip: counter and balance before it, and the chip's TAC over it."""

    pan: str
    occurred_at: datetime
    amount_fen: int
    online_atc: int
    before_fen: int
    tac: bytes


@transaction.atomic
def issue_cards(
    *, product: CardProduct, pans: Sequence[str], day: date, at: datetime, actor: str, key_version: int = 1
) -> None:
    """Active cards of `product` with purses, accounts and the events of their lives; nothing was paid for them."""
    chart = Chart.PURSE_REAL_NAME if product.real_name else Chart.PURSE_ANONYMOUS
    values = {
        "pans": list(pans),
        "chart": chart.value,
        "control": open_account(chart=chart).pk,
        "product": product.pk,
        "key_version": key_version,
        "day": day,
        "until": day.replace(year=day.year + product.validity_years, day=min(day.day, 28)),
        "floor": -product.overdraft_fen,
        "ceiling": product.balance_limit_fen,
        "actor": actor,
        "at": at,
        "sources": list(_STEPS[:-1]),
        "targets": list(_STEPS[1:]),
    }
    _execute(_ISSUE, values)


@transaction.atomic
def load_cards(*, key: str, day: date, loads: Iterable[Load], actor: str, terminal_no: str) -> None:
    """Top-ups from cash to chip, confirmed and posted to the open business date `day` as one journal named `key`."""
    values: dict[str, Any] = {
        "key": key,
        "day": day,
        "actor": actor,
        "terminal_no": terminal_no,
        "cash": open_account(chart=Chart.COUNTER_CASH).pk,
        "transit": open_account(chart=Chart.TOP_UPS_IN_TRANSIT).pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOADING)
        with cursor.copy("COPY loading FROM STDIN") as copy:
            for load in loads:
                copy.write_row(load)
        cursor.execute("ANALYZE loading")
        cursor.execute(_LOAD, values)
        # Within a bigger transaction the next top-ups need the name.
        cursor.execute("DROP TABLE loading")


def _execute(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
