"""A city of any size, written set-wise: what acceptance would have left behind, without the chips.

Only for measuring and testing what comes after acceptance. Every invariant of the books holds for it; the TACs are not
real, and unless told otherwise no key's. The clearing tests use it as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import CardProduct, Chart
from accounts.services.ledger import open_account
from citizencard.core.calendar import SHANGHAI, open_business_day
from citizencard.simulator.bulk import Load, issue_cards, load_cards
from terminals.models import Channel, Tap

FUNDS_FEN: Final = 50_000
"""What every card of the city was topped up with: half of what an anonymous card may hold."""

_MERCHANTS: Final = """
WITH party AS (
    SELECT n, 'M' || lpad(n::text, 5, '0') AS code, (%(channels)s::text[])[1 + n %% %(kinds)s] AS channel
    FROM generate_series(1, %(merchants)s) AS n
), account AS (
    INSERT INTO accounts_ledgeraccount (code, chart, side, name)
    SELECT chart || '.' || code, chart, 'C', code FROM party, unnest(ARRAY['2202', '2203']) AS chart
    RETURNING id, code
), merchant AS (
    INSERT INTO terminals_merchant (code, name, channel, payable_id, settlement_id)
    SELECT party.code, 'Merchant ' || n, channel, payable.id, settlement.id FROM party
    JOIN account AS payable ON payable.code = '2202.' || party.code
    JOIN account AS settlement ON settlement.code = '2203.' || party.code
    RETURNING id, code
), proposal AS (
    INSERT INTO settlement_proposal (kind, content, reason, state, maker, checker, checked_at, answer)
    VALUES ('contract', '{}', '', 'approved', 'seed', 'city council', now(), '') RETURNING id
), contract AS (
    INSERT INTO settlement_contract (number, merchant_id, valid_from, legal_basis, measure, period, settle_days, split,
        proposal_id)
    SELECT merchant.code, merchant.id, '2026-01-01', 'seed', 'gross', 'day', 1, '', proposal.id FROM merchant, proposal
    RETURNING id, number
), band AS (
    INSERT INTO settlement_contractband (contract_id, floor, price)
    SELECT contract.id, 0, n * 7 %% 101 FROM contract JOIN party ON party.code = contract.number
)
INSERT INTO terminals_terminal
    (code, kind, merchant_id, place, tariff_code, terminal_no, state)
SELECT 'T' || code, 'pos', id, code, 'flat', upper(lpad(to_hex(id), 12, '0')), 'active'
FROM merchant
"""

# merchant and card count from 1; a line's position gives its counters.
_RECORDS: Final = """
CREATE TEMPORARY TABLE record (
    n bigint GENERATED ALWAYS AS IDENTITY, merchant integer, card integer, amount_fen bigint, outcome smallint
) ON COMMIT DROP
"""

_TAPS: Final = """
WITH batch AS (
    INSERT INTO terminals_batch (terminal_id, number, digest, state, online, business_date, received_at, records,
        total_fen, accepted, suspended, duplicate, rejected, answer)
    SELECT terminal.id, %(number)s, sha256(%(number)s::bytea), 'processed', false, %(day)s, now(), count(*),
        sum(amount_fen), count(*) FILTER (WHERE outcome = 1), count(*) FILTER (WHERE outcome <> 1), 0, 0, '{}'
    FROM record JOIN terminals_terminal AS terminal ON terminal.code = 'TM' || lpad(merchant::text, 5, '0')
    GROUP BY terminal.id RETURNING id, terminal_id
)
INSERT INTO terminals_tap (business_date, batch_id, line, terminal_id, merchant_id, card_id, atc, terminal_seq, kind,
    amount_fen, balance_fen, occurred_at, received_at, tac, key_version, outcome)
SELECT %(day)s, batch.id, row_number() OVER (PARTITION BY record.merchant ORDER BY n), terminal.id,
    terminal.merchant_id, card.id, seen.atc + row_number() OVER (PARTITION BY record.card ORDER BY n) - 1,
    seen.sequence + row_number() OVER (PARTITION BY record.merchant ORDER BY n) - 1, 6, amount_fen,
    seen.balance_fen - coalesce(sum(amount_fen) FILTER (WHERE outcome NOT IN (3, 4, 8)) OVER (PARTITION BY record.card ORDER BY n), 0),
    %(at)s + n * %(pace)s, now(), '\\x00000000', %(key_version)s::smallint, outcome
FROM record
JOIN terminals_terminal AS terminal ON terminal.code = 'TM' || lpad(merchant::text, 5, '0')
JOIN batch ON batch.terminal_id = terminal.id
JOIN accounts_card AS card ON card.pan = '31043970' || lpad((90000000000 + record.card)::text, 11, '0')
CROSS JOIN LATERAL (
    SELECT balance_fen, coalesce(upper(offline_seen), 0) AS atc, coalesce(upper(terminal.sequences_seen), 1) AS sequence
    FROM accounts_purse WHERE card_id = card.id
) AS seen
"""

_TRANSFERS: Final = """
WITH journal AS (
    INSERT INTO accounts_journal (key, kind, actor, reason, source, business_date, posted_at)
    VALUES ('seed:' || %(number)s, 'batch', 'seed', '', %(number)s, %(day)s, now()) RETURNING id
)
INSERT INTO accounts_transfer
    (business_date, kind, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at)
SELECT %(day)s,
    CASE outcome WHEN 1 THEN 10 WHEN 4 THEN 12 ELSE 11 END,
    CASE WHEN outcome IN (3, 4, 8) THEN %(claims)s ELSE purse.account_id END,
    CASE WHEN outcome IN (1, 4) THEN merchant.payable_id ELSE %(held)s END,
    amount_fen, journal.id, tap.id, occurred_at
FROM journal, terminals_tap AS tap
JOIN terminals_merchant AS merchant ON merchant.id = tap.merchant_id
JOIN accounts_purse AS purse ON purse.card_id = tap.card_id
WHERE tap.business_date = %(day)s AND tap.id > %(last)s AND amount_fen > 0
"""

_COUNTERS: Final = """
UPDATE accounts_purse AS purse SET offline_seen = purse.offline_seen + seen.counters
FROM (SELECT card_id, range_agg(int4range(atc, atc + 1)) AS counters FROM terminals_tap
    WHERE business_date = %(day)s AND id > %(last)s AND outcome NOT IN (3, 8) GROUP BY card_id) AS seen
WHERE seen.card_id = purse.card_id;
UPDATE terminals_terminal AS terminal SET sequences_seen = terminal.sequences_seen + seen.counters
FROM (SELECT terminal_id, range_agg(int8range(terminal_seq, terminal_seq + 1)) AS counters FROM terminals_tap
    WHERE business_date = %(day)s AND id > %(last)s AND outcome <> 8 GROUP BY terminal_id) AS seen
WHERE seen.terminal_id = terminal.id;
"""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One tap to be: merchant and card count from 1."""

    merchant: int
    card: int
    amount_fen: int
    outcome: int = Tap.Outcome.ACCEPTED


@transaction.atomic
def found_city(day: date, *, merchants: int, cards: int) -> None:
    """Open `day`, register merchants with a terminal each, and put FUNDS_FEN on every card."""
    open_business_day(day)
    open_account(chart=Chart.FEE_INCOME)
    values = {"merchants": merchants, "channels": Channel.values, "kinds": len(Channel.values)}
    _run(_MERCHANTS, values)
    product = CardProduct.objects.create(
        code="seeded",
        name="seeded",
        real_name=False,
        kind_code=1,
        balance_limit_fen=100_000,
        validity_years=10,
    )
    pans, now = [f"31043970{90_000_000_000 + number}" for number in range(1, cards + 1)], timezone.now()
    issue_cards(product=product, pans=pans, day=day, at=now, actor="seed")
    loads = (Load(pan, now, FUNDS_FEN, 0, 0, bytes(4)) for pan in pans)
    load_cards(key="seed:funds", day=day, loads=loads, actor="seed", terminal_no="000000000001")


@transaction.atomic
def tap(day: date, purchases: Iterable[Purchase]) -> None:
    """Leave behind what acceptance of these purchases leaves, for the business date `day`."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS)
        with cursor.copy("COPY record (merchant, card, amount_fen, outcome) FROM STDIN") as copy:
            for item in purchases:
                copy.write_row((item.merchant, item.card, item.amount_fen, item.outcome))
    _accept(day)


@transaction.atomic
def tap_many(day: date, *, merchants: int, cards: int, taps: int, key_version: int | None = None) -> None:
    """As `tap`, for a whole city's day: `taps` purchases of 100 to 299 fen, every hundredth is suspended.

    They go on from noon for nine hours. With a key version they claim TACs, which `benchmarks.tacs` can give them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS)
        cursor.execute(
            """INSERT INTO record (merchant, card, amount_fen, outcome)
            SELECT 1 + n::bigint * 7919 %% %(merchants)s, 1 + n %% %(cards)s, 100 + n %% 200, 1 + (n %% 100 = 0)::int
            FROM generate_series(0, %(taps)s - 1) AS n""",
            {"merchants": merchants, "cards": cards, "taps": taps},
        )
    _accept(day, pace=timedelta(hours=9) / taps, key_version=key_version)


@transaction.atomic
def tap_at_random(day: date, *, merchants: int, cards: int, taps: int) -> None:
    """As `tap_many`, with card, merchant, amount and outcome drawn by lot, the same ones each time.

    One in a hundred is suspended for a hot-listed card, one in a hundred beyond the balance.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS)
        cursor.execute(
            """SELECT setseed(0.5);
            INSERT INTO record (merchant, card, amount_fen, outcome)
            SELECT 1 + floor(random() * %(merchants)s), 1 + floor(random() * %(cards)s), 1 + floor(random() * 500),
                coalesce((ARRAY[2, 4])[1 + floor(random() * 100)], 1)
            FROM generate_series(1, %(taps)s)""",
            {"merchants": merchants, "cards": cards, "taps": taps},
        )
    _accept(day)


def _accept(day: date, pace: timedelta = timedelta(0), key_version: int | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM terminals_tap")
        (last,) = cursor.fetchone()
        cursor.execute("ANALYZE record")
    values = {
        "day": day,
        "at": datetime.combine(day, time(12), SHANGHAI),
        "pace": pace,
        "last": last,
        "key_version": key_version,
        "number": f"seed-{day}-{last}",
        "claims": open_account(chart=Chart.SUSPENSE_RECEIVABLE).pk,
        "held": open_account(chart=Chart.SUSPENSE_PAYABLE).pk,
    }
    for statement in _TAPS, _TRANSFERS, _COUNTERS, "DROP TABLE record":
        _run(statement, values)


def _run(statements: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statements, values)
