"""Write what was judged: taps, their transfers, the counters now seen, and the refusals. A handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from accounts.models import Chart, LedgerAccount, Transfer
from accounts.services.ledger import open_account
from terminals.models import Batch
from terminals.services.acceptance.intake import Finding
from terminals.services.acceptance.judgement import Verdict
from terminals.services.acceptance.packing import multirange

_TAPS: Final = """
INSERT INTO terminals_tap (id, business_date, batch_id, line, terminal_id, merchant_id, card_id, atc, terminal_seq, kind,
    amount_fen, balance_fen, occurred_at, received_at, tac, key_version, outcome, note, trip)
SELECT id, %(date)s, %(batch)s, line, %(terminal)s, %(merchant)s, card_id, atc, seq, kind, amount, balance, occurred_at,
    %(received)s, tac, key_version, verdict, place, trip
FROM judged WHERE verdict < %(DUPLICATE)s
"""
_JOURNAL: Final = """
INSERT INTO accounts_journal (key, kind, actor, reason, source, business_date, posted_at)
VALUES ('batch:' || %(batch)s, 'batch', %(actor)s, '', %(source)s, %(date)s, %(received)s) RETURNING id
"""

# Every transfer goes to the payable of the merchant, or is held; every transfer comes out of the purse, or is a claim.
_TRANSFERS: Final = """
INSERT INTO accounts_transfer
    (business_date, kind, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at)
SELECT %(date)s,
    CASE verdict WHEN %(ACCEPTED)s THEN %(paid)s WHEN %(OVER_BALANCE)s THEN %(claimed)s ELSE %(withheld)s END,
    CASE WHEN fits THEN account_id ELSE %(claim)s END,
    CASE WHEN verdict IN (%(ACCEPTED)s, %(OVER_BALANCE)s) THEN %(payable)s ELSE %(held)s END,
    amount, %(journal)s, id, occurred_at
FROM judged WHERE verdict < %(DUPLICATE)s AND amount > 0
"""
_CARD_COUNTERS: Final = """
UPDATE accounts_purse AS purse SET offline_seen = purse.offline_seen + seen.counters
FROM (
    SELECT card_id, range_agg(int4range(atc, atc, '[]')) AS counters FROM judged
    WHERE verdict < %(DUPLICATE)s AND verdict NOT IN (%(COUNTER_CONFLICT)s, %(KEY_UNUSABLE)s) GROUP BY card_id
) AS seen WHERE purse.card_id = seen.card_id AND purse.kind = 'chip'
"""
_TERMINAL_COUNTERS: Final = """
UPDATE terminals_terminal SET seen_at = %(received)s, sequences_seen = sequences_seen + %(sequences)s::int8multirange,
    tapped_at = greatest(tapped_at, (SELECT max(occurred_at) FROM judged WHERE verdict < %(DUPLICATE)s))
WHERE id = %(terminal)s
"""
_REFUSALS: Final = "COPY terminals_refusal (business_date, batch_id, line, code, detail, record, received_at) FROM STDIN (FORMAT BINARY)"
_REFUSAL_TYPES: Final = ("date", "int8", "int4", "text", "text", "text", "timestamptz")
DETAIL_CHARACTERS: Final = 300


def post(*, batch: Batch, sequences: NDArray[np.int64], refusals: Sequence[Finding]) -> None:
    """Post the judged records of a stored batch; `sequences` are the terminal's numbers that were proved by a TAC."""
    values = _values(batch) | {"sequences": multirange(sequences)}
    with connection.cursor() as cursor:
        if batch.accepted + batch.suspended:
            cursor.execute(_JOURNAL, values)
            values["journal"] = cursor.fetchone()[0]
            for statement in (_TAPS, _TRANSFERS, _CARD_COUNTERS):
                cursor.execute(statement, values)
        cursor.execute(_TERMINAL_COUNTERS, values)
    _store_refusals(batch=batch, refusals=refusals)


def _store_refusals(*, batch: Batch, refusals: Sequence[Finding]) -> None:
    """Keep records that move no money, as they came and with their reason."""
    if not refusals:
        return
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_REFUSALS) as copy:
        copy.set_types(_REFUSAL_TYPES)
        for finding in refusals:
            # PostgreSQL's text cannot hold a zero byte.
            text = finding.line.text.replace("\x00", "\N{SYMBOL FOR NULL}")
            detail = finding.detail[:DETAIL_CHARACTERS]
            row = (
                batch.business_date,
                batch.pk,
                finding.line.number,
                finding.code,
                detail,
                text,
                batch.received_at,
            )
            copy.write_row(row)


def _values(batch: Batch) -> dict[str, Any]:
    kinds = {
        "paid": Transfer.Kind.PURCHASE,
        "withheld": Transfer.Kind.PURCHASE_HELD,
        "claimed": Transfer.Kind.PURCHASE_CLAIM,
    }
    suspense = _suspense_accounts()
    accounts = {
        "payable": batch.terminal.merchant.payable_id,
        "claim": suspense[Chart.SUSPENSE_RECEIVABLE],
        "held": suspense[Chart.SUSPENSE_PAYABLE],
    }
    own = {
        "batch": batch.pk,
        "date": batch.business_date,
        "received": batch.received_at,
        "terminal": batch.terminal_id,
        "merchant": batch.terminal.merchant_id,
        "actor": f"terminal {batch.terminal.code}",
        "source": f"batch {batch.number}",
    }
    return {verdict.name: verdict.value for verdict in Verdict} | kinds | accounts | own


def _suspense_accounts() -> dict[str, int]:
    """Ids of the suspense accounts by code, in one query; opened with the first batch of a new city."""
    codes = (Chart.SUSPENSE_RECEIVABLE, Chart.SUSPENSE_PAYABLE)
    found = dict(LedgerAccount.objects.filter(code__in=codes).values_list("code", "id"))
    return found if len(found) == len(codes) else {code: open_account(chart=code).pk for code in codes}
