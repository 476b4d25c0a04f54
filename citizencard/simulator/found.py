"""What the database holds after the run, read as columns of whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from citizencard.simulator.chance import Ints
from citizencard.simulator.expected import Runs, Turnover
from citizencard.simulator.verdicts import VERDICTS
from citizencard.simulator.world import World
from terminals.models import Batch

_COPY_HEADER_BYTES: Final = 19
STRANGE: Final = len(VERDICTS)
"""A reason that no record of the plan may end with."""

_TAPS: Final = """
SELECT batch_id, line::int8, CASE outcome WHEN 1 THEN 0 WHEN 2 THEN 1 WHEN 3 THEN 2 ELSE %(strange)s END::int8,
    card_id, atc::int8, terminal_seq, amount_fen, extract(epoch FROM occurred_at)::int8
FROM terminals_tap WHERE business_date = %(date)s
"""
_REFUSALS: Final = """
SELECT batch_id, line::int8, coalesce(array_position(%(codes)s::text[], code::text) - 1, %(strange)s)::int8
FROM terminals_refusal WHERE business_date = %(date)s
"""
_BATCHES: Final = """
SELECT id, terminal_id, number FROM terminals_batch
WHERE terminal_id = ANY(%(terminals)s) AND state = %(processed)s
"""
_TURNOVER: Final = """
SELECT business_date, coalesce(control.code, account.code), sum(debit), sum(credit) FROM (
    SELECT business_date, debit_id AS id, amount_fen AS debit, 0 AS credit FROM accounts_transfer
        WHERE business_date BETWEEN %(first)s AND %(last)s
    UNION ALL SELECT business_date, credit_id, 0, amount_fen FROM accounts_transfer
        WHERE business_date BETWEEN %(first)s AND %(last)s
) AS leg JOIN accounts_ledgeraccount AS account USING (id)
LEFT JOIN accounts_ledgeraccount AS control ON control.id = account.control_id
GROUP BY 1, 2
"""
_PURSES: Final = """
SELECT card.id, purse.balance_fen FROM accounts_card AS card
JOIN accounts_purse AS purse ON purse.card_id = card.id AND purse.kind = 'chip'
WHERE card.pan = ANY(%(pans)s) ORDER BY card.pan
"""
_CARD_COUNTERS: Final = """
SELECT purse.card_id, lower(run)::int8, upper(run)::int8
FROM accounts_purse AS purse, unnest(purse.offline_seen) AS run WHERE purse.card_id = ANY(%(cards)s) AND purse.kind = 'chip'
"""
_SEQUENCES: Final = """
SELECT terminal.id, lower(run), upper(run)
FROM terminals_terminal AS terminal, unnest(terminal.sequences_seen) AS run WHERE terminal.id = ANY(%(terminals)s)
"""


@dataclass(frozen=True, slots=True)
class Records:
    """Where each record of one business date ended; facts of the tap are -1 for refusals."""

    batch: Ints
    line: Ints
    verdict: Ints
    card: Ints
    atc: Ints
    seq: Ints
    amount: Ints
    at: Ints


def read_columns(query: str, values: dict[str, Any], columns: int) -> NDArray[np.int64]:
    """The rows of a query of `columns` eight-byte whole numbers, none of them null, as an array of so many columns."""
    field = [("bytes", ">i4"), ("value", ">i8")]
    row = np.dtype([("fields", ">i2"), ("items", field, (columns,))])
    with connection.cursor() as cursor:
        text = cursor.mogrify(query, values)
        with cursor.copy(f"COPY ({text}) TO STDOUT (FORMAT BINARY)") as copy:
            content = b"".join(copy)
    found = np.frombuffer(content[_COPY_HEADER_BYTES:-2], row)
    return found["items"]["value"].astype(np.int64).reshape(-1, columns)


def read_records(world: World, day: int) -> Records:
    """Taps and refusals of the plan's day."""
    date = world.plan.first + timedelta(days=day)
    values = {"date": date, "strange": STRANGE, "codes": list(VERDICTS)}
    taps, refusals = read_columns(_TAPS, values, 8), read_columns(_REFUSALS, values, 3)
    unknown = np.full((len(refusals), 5), -1, np.int64)
    both = np.concatenate((taps, np.concatenate((refusals, unknown), axis=1)))
    return Records(*both.T)


def read_batches(world: World) -> dict[tuple[int, str], int]:
    """Ids of the processed batches of the world's terminals, by terminal id and number."""
    values: dict[str, Any] = {"terminals": _ids(world), "processed": Batch.State.PROCESSED}
    with connection.cursor() as cursor:
        cursor.execute(_BATCHES, values)
        return {(terminal, number): batch for batch, terminal, number in cursor.fetchall()}


def read_turnover(world: World) -> Turnover:
    """Debit and credit by day and account, all of them; merchants of the world by the plan's number."""
    plan = world.plan
    last = plan.first + timedelta(days=plan.wish.days - 1)
    owners = {merchant.code: str(number) for number, merchant in enumerate(world.merchants)}
    found: Turnover = {}
    with connection.cursor() as cursor:
        cursor.execute(_TURNOVER, {"first": plan.first, "last": last})
        for date, code, debit, credit in cursor.fetchall():
            chart, _, owner = code.partition(".")
            name = f"{chart}.{owners.get(owner, owner)}" if owner else chart
            found[(date - plan.first).days, name] = (int(debit), int(credit))
    return found


def read_purses(pans: list[str]) -> tuple[Ints, Ints]:
    """Card ids and balances in fen, in the order of the card numbers."""
    found = read_columns(_PURSES, {"pans": pans}, 2)
    return found[:, 0], found[:, 1]


def read_card_counters(cards: Ints) -> Runs:
    """Counters seen, by position in `cards`."""
    return _runs(read_columns(_CARD_COUNTERS, {"cards": cards.tolist()}, 3), cards)


def read_sequences(world: World) -> Runs:
    """Terminal sequences seen, by the plan's number of the terminal."""
    rows = read_columns(_SEQUENCES, {"terminals": _ids(world)}, 3)
    return _runs(rows, np.array(_ids(world), np.int64))


def _runs(rows: NDArray[np.int64], ids: Ints) -> Runs:
    order = np.argsort(ids)
    owner = order[np.searchsorted(ids[order], rows[:, 0])]
    by_owner = np.lexsort((rows[:, 1], owner))
    return Runs(owner[by_owner], rows[by_owner, 1], rows[by_owner, 2])


def _ids(world: World) -> list[int]:
    return [terminal.pk for terminal in world.terminals]
