"""What each record of an upload comes to, decided in SQL for all records at once.

The purses of all cards concerned are locked in the order of their accounts first, so that parallel uploads cannot deadlock
and each sees what the one before it has posted.

A purchase fits when the purse holds anything before it and keeps its floor after it: with a floor below zero that is one
ride of overdraft, which the next top-up makes good by itself. "Before it" is by our books, for the balance that a record
names is covered by no TAC: within an upload in the chip's order, between uploads in the order in which they come. A
purchase that comes late may thus find a purse already in debt; it is then a claim like any other beyond the balance,
paid to the merchant and for a person to look at. A purse that is not open pays nothing, and what is reserved of it is
not there: both become claims, so that no card's state can refuse an upload as a whole.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from django.conf import settings
from django.db import connection

from terminals.models import Tap
from terminals.services.acceptance.intake import Candidates
from terminals.services.acceptance.packing import copy_block
from terminals.wire.columns import Octets

# A batch is sorted a few times; fifty thousand records need not go over a disk for it.
_TABLES: Final = """
SET LOCAL work_mem = '64MB';
CREATE TEMP TABLE IF NOT EXISTS arriving (
    line integer, pan text, atc integer, seq bigint, kind smallint, amount integer, balance integer,
    occurred_at timestamptz, tac bytea, key_version smallint, place text, trip text, tac_right boolean,
    holding smallint, alone boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS judged (
    id bigint, line integer, verdict smallint, card_id bigint, account_id bigint, fits boolean, atc integer, seq bigint,
    kind smallint, amount integer, balance integer, occurred_at timestamptz, tac bytea, key_version smallint, place text,
    trip text
) ON COMMIT DELETE ROWS;
DELETE FROM arriving;
DELETE FROM judged;
"""
_COPY: Final = "COPY arriving FROM STDIN (FORMAT BINARY)"

# In READ COMMITTED the next statement sees what was committed while this one waited.
_LOCK: Final = """
SELECT purse.id FROM accounts_purse AS purse
WHERE purse.card_id IN (SELECT card.id FROM arriving JOIN accounts_card AS card ON card.pan = arriving.pan)
    AND purse.kind = 'chip'
ORDER BY purse.account_id FOR NO KEY UPDATE
"""

# A TAC covers amount, type, terminal, sequence and time, and is bound to the card by its key; card counter and balance
# it does not cover (JR/T 0025.2). So a right TAC with a sequence seen before is the same purchase again, whatever its
# other fields say, and a copy with another amount has a wrong TAC.
# Each step looks at the records that the step before has left over only: they are a window's partition of their own, and
# the rows go through all steps once. Of two that contradict each other the first line counts. Most cards need no steps:
# nothing of theirs repeats anything (`alone`), and their purses hold all that is asked. A card of a product for tests is
# refused in production, and pays like any other elsewhere. A card that nobody has activated by now is held, listed for that
# or not; one that is active by now pays what it paid before. Taps are numbered card by card, so that all indexes grow at
# few places.
_JUDGE: Final = """
WITH listed AS MATERIALIZED (
    SELECT DISTINCT arriving.line FROM arriving JOIN terminals_hotlistentry AS entry ON entry.pan = arriving.pan
    WHERE entry.cause <> 'inactive' AND entry.effective_at <= arriving.occurred_at
        AND (entry.removed_at IS NULL OR entry.removed_at > arriving.occurred_at)
), party AS (
    SELECT asked.*, card.id AS card_id, purse.account_id, purse.floor_fen AS floor, purse.offline_seen,
        CASE WHEN account.state = 'open' THEN greatest(purse.balance_fen - purse.held_fen, 0) ELSE 0 END AS spendable,
        card.state IN ('blank', 'personalised', 'issued') AS inactive,
        card.product_id IN (SELECT code FROM accounts_cardproduct WHERE test_only AND %(production)s) AS barred
    FROM (
        SELECT pan, sum(amount) AS asked FROM arriving WHERE holding <> %(KEY_UNUSABLE)s GROUP BY pan
    ) AS asked
    LEFT JOIN accounts_card AS card ON card.pan = asked.pan
    LEFT JOIN accounts_purse AS purse ON purse.card_id = card.id AND purse.kind = 'chip'
    LEFT JOIN accounts_ledgeraccount AS account ON account.id = purse.account_id
), known AS (
    SELECT arriving.*, card_id, account_id, floor, spendable, barred, inactive,
        offline_seen @> arriving.atc AS counter_seen, sequences_seen @> arriving.seq AS sequence_seen,
        tac_right AND account_id IS NOT NULL AND NOT barred AS genuine,
        alone AND (account_id IS NULL OR asked <= spendable) AS simple
    FROM arriving JOIN party USING (pan)
    JOIN terminals_terminal AS terminal ON terminal.id = %(terminal)s
    WHERE holding <> %(KEY_UNUSABLE)s
), first_seen AS (
    SELECT *, genuine AND NOT sequence_seen AND row_number() OVER (PARTITION BY seq, genuine ORDER BY line) = 1 AS fresh
    FROM known WHERE NOT simple
), counted AS (
    SELECT *, fresh AND NOT counter_seen AND row_number() OVER (PARTITION BY card_id, fresh, atc ORDER BY line) = 1 AS spends
    FROM first_seen
), summed AS (
    SELECT *, spends AND sum(amount) FILTER (WHERE spends) OVER (PARTITION BY card_id, fresh) > spendable AS exceeds
    FROM counted
), settled AS (
    SELECT *, genuine AND NOT sequence_seen AS fresh, genuine AND NOT sequence_seen AND NOT counter_seen AS spends,
        false AS exceeds, genuine AND NOT sequence_seen AND NOT counter_seen AS fits
    FROM known WHERE simple
    UNION ALL
    SELECT *, spends AS fits FROM summed WHERE exceeds IS NOT TRUE
    UNION ALL
    SELECT *, terminals_fits(spendable, floor, amount) OVER (PARTITION BY card_id ORDER BY atc ROWS UNBOUNDED PRECEDING)
    FROM summed WHERE exceeds
), judgement AS (
    INSERT INTO judged (
        id, line, verdict, card_id, account_id, fits, atc, seq, kind, amount, balance, occurred_at, tac, key_version,
        place, trip
    )
    SELECT CASE WHEN fresh THEN nextval('terminals_tap_id_seq') END, line, CASE
        WHEN account_id IS NULL THEN %(UNKNOWN_CARD)s
        WHEN barred THEN %(TEST_CARD)s
        WHEN NOT tac_right THEN %(BAD_TAC)s
        WHEN NOT fresh THEN %(DUPLICATE)s
        WHEN NOT spends THEN %(COUNTER_CONFLICT)s
        WHEN line IN (SELECT line FROM listed) THEN %(HOT_LISTED)s
        WHEN inactive THEN %(CARD_NOT_ACTIVE)s
        WHEN holding > 0 THEN holding
        WHEN fits THEN %(ACCEPTED)s
        ELSE %(OVER_BALANCE)s END,
        card_id, account_id, fits, atc, seq, kind, amount, balance, occurred_at, tac, key_version, place, trip
    FROM settled ORDER BY card_id RETURNING line, verdict
) SELECT line, verdict FROM judgement WHERE verdict <> %(ACCEPTED)s
"""


# No key checks these any more: they are kept and held, but neither purse nor counters believe them. What was taken in
# before, with the same sequence, amount, time and TAC, is the same record.
_JUDGE_UNCHECKED: Final = """
WITH known AS (
    SELECT arriving.*, card.id AS card_id, purse.account_id,
        card.product_id IN (SELECT code FROM accounts_cardproduct WHERE test_only AND %(production)s) AS barred,
        row_number() OVER (PARTITION BY arriving.pan, seq, amount, arriving.occurred_at, tac ORDER BY line) = 1 AND NOT EXISTS (
            SELECT FROM terminals_tap AS tap
            WHERE tap.card_id = card.id AND tap.occurred_at = arriving.occurred_at AND tap.terminal_id = %(terminal)s
                AND (tap.terminal_seq, tap.amount_fen, tap.tac) = (arriving.seq, arriving.amount, arriving.tac)
        ) AS fresh
    FROM arriving
    LEFT JOIN accounts_card AS card ON card.pan = arriving.pan
    LEFT JOIN accounts_purse AS purse ON purse.card_id = card.id AND purse.kind = 'chip'
    WHERE arriving.holding = %(KEY_UNUSABLE)s
), verdict AS (
    SELECT *, CASE
        WHEN account_id IS NULL THEN %(UNKNOWN_CARD)s
        WHEN barred THEN %(TEST_CARD)s
        WHEN fresh THEN %(KEY_UNUSABLE)s
        ELSE %(DUPLICATE)s END AS verdict
    FROM known
)
INSERT INTO judged (
    id, line, verdict, card_id, account_id, fits, atc, seq, kind, amount, balance, occurred_at, tac, key_version, place, trip
)
SELECT CASE WHEN verdict = %(KEY_UNUSABLE)s THEN nextval('terminals_tap_id_seq') END, line, verdict, card_id, account_id,
    false, atc, seq, kind, amount, balance, occurred_at, tac, key_version, place, trip
FROM verdict RETURNING line, verdict
"""


class Verdict(IntEnum):
    """What a record came to; before DUPLICATE it is a tap with that outcome, from there on a refusal."""

    ACCEPTED = Tap.Outcome.ACCEPTED
    HOT_LISTED = Tap.Outcome.HOT_LISTED
    COUNTER_CONFLICT = Tap.Outcome.COUNTER_CONFLICT
    OVER_BALANCE = Tap.Outcome.OVER_BALANCE
    OVER_LIMIT = Tap.Outcome.OVER_LIMIT
    OVER_PRICE = Tap.Outcome.OVER_PRICE
    LATE = Tap.Outcome.LATE
    KEY_UNUSABLE = Tap.Outcome.KEY_UNUSABLE
    CARD_NOT_ACTIVE = Tap.Outcome.CARD_NOT_ACTIVE
    DUPLICATE = 10
    BAD_TAC = 11
    UNKNOWN_CARD = 12
    TEST_CARD = 13

    @property
    def code(self) -> str:
        """The reason's code, see `terminals.wire.reasons`."""
        return self.name.lower()

    @property
    def result(self) -> str:
        """`accepted`, `suspended`, `duplicate` or `rejected`: the place where a record ends."""
        if self in (Verdict.ACCEPTED, Verdict.DUPLICATE):
            return self.code
        return "suspended" if self < Verdict.DUPLICATE else "rejected"


def judge(*, terminal_id: int, candidates: Candidates, octets: Octets) -> dict[int, Verdict]:
    """Lock the purses and judge; the result holds the exceptions only, by line, all other candidates are accepted.

    `octets` hold the texts. The rows stay in the temporary table `judged` until the transaction ends, for
    `posting`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:  # Django wraps no COPY by itself
            copy.write(copy_block(candidates.rows, candidates.judging, octets))
        cursor.execute(_LOCK)
        values = {verdict.name: verdict.value for verdict in Verdict}
        values |= {"terminal": terminal_id, "production": settings.PRODUCTION}
        cursor.execute(_JUDGE, values)
        found = cursor.fetchall()
        if (candidates.judging["holding"] == Verdict.KEY_UNUSABLE).any():
            cursor.execute(_JUDGE_UNCHECKED, values)
            found += cursor.fetchall()
        return {line: Verdict(verdict) for line, verdict in found}
