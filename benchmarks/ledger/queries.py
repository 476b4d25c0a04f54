"""Questions to the books at growing sizes: their time must not grow with the number of transfers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from statistics import median
from time import perf_counter
from typing import Any, Final

from django.db import connection

from accounts.models import Transfer
from accounts.selectors.balances import account_balance_fen, trial_balance
from accounts.selectors.statement import account_statement
from benchmarks.databases import connected_to, execute_as_owner, new_database
from benchmarks.ledger.books import prove_books, transfers
from benchmarks.ledger.world import SOURCES, World, found_world, read_world
from benchmarks.timing import Result, Rounds
from citizencard.core.calendar import cut_off, seal

SIZES: Final = (10_000, 100_000, 1_000_000)
LARGE: Final = 10_000_000
QUICK_SIZES: Final = (300, 3_000)
PURSES, MERCHANTS, DAYS = 20_000, 1_000, 30
QUICK_PURSES, QUICK_DAYS = 200, 3
FIRST_DAY: Final = date(2026, 10, 1)
REPEATS: Final = 30

# Half of all payments go to one merchant; a purse has its equal share.
_FILL: Final = """
WITH journal AS (
    INSERT INTO accounts_journal (key, kind, actor, reason, source, business_date, posted_at)
    VALUES ('fill:' || %(first)s, 'bench', 'bench', '', 'bench', %(day)s, now()) RETURNING id
)
INSERT INTO accounts_transfer
    (business_date, journal_id, debit_id, credit_id, amount_fen, kind, source_id, occurred_at)
SELECT %(day)s, journal.id, %(purse)s + n * 7919 %% %(purses)s,
    %(merchant)s + CASE n %% 2 WHEN 0 THEN 0 ELSE n / 2 %% %(merchants)s END,
    1 + n %% 50, %(kind)s, %(source)s + n, now()
FROM journal, generate_series(%(first)s::bigint, %(first)s + %(count)s - 1) AS n
"""


def run(tables: str, *, rounds: int, quick: bool, large: bool) -> Result:
    """Milliseconds per question, each asked of several accounts; every size in a copy of `tables`, which are empty."""
    sizes = QUICK_SIZES if quick else (*SIZES, LARGE) if large else SIZES
    days, purses = (QUICK_DAYS, QUICK_PURSES) if quick else (DAYS, PURSES)
    shape = {
        "purses": purses,
        "merchants": MERCHANTS,
        "days": days,
        "smallest": sizes[0],
        "largest": sizes[-1],
    }
    result = Result("ledger-queries", "Questions to the books at growing sizes", shape)
    figures = Rounds()
    with ExitStack() as stack:
        filled = [(size, stack.enter_context(_filled(result, tables, size, purses, days))) for size in sizes]
        for number in range(rounds):
            for size, database in filled if number % 2 else reversed(filled):
                with connected_to(database):
                    _ask(figures, size, read_world(), FIRST_DAY + timedelta(days=days // 2))
    result.figures = figures.figures()
    smallest, largest = sizes[0], sizes[-1]
    for name in _questions(FIRST_DAY):
        result.ratio(f"{name}: {largest:,} / {smallest:,}", f"{name}, {largest:,}", f"{name}, {smallest:,}")
    return result


def _questions(day: date) -> dict[str, Callable[[int, int], object]]:
    """Each of a purse and a merchant, given by account id."""
    return {
        "purse balance": lambda purse, merchant: account_balance_fen(purse),
        "merchant balance": lambda purse, merchant: account_balance_fen(merchant),
        "purse balance of a date": lambda purse, merchant: account_balance_fen(purse, at=day),
        "merchant balance of a date": lambda purse, merchant: account_balance_fen(merchant, at=day),
        "purse statement": lambda purse, merchant: account_statement(purse),
        "merchant statement": lambda purse, merchant: account_statement(merchant),
        "trial balance": lambda purse, merchant: trial_balance(),
    }


def _ask(figures: Rounds, size: int, world: World, day: date) -> None:
    busiest = world.merchants[0]
    for name, question in _questions(day).items():
        question(world.purses[0].account_id, busiest)  # warms up
        seconds = []
        for number in range(REPEATS):
            purse = world.purse(number).account_id
            began = perf_counter()
            question(purse, busiest)
            seconds.append(perf_counter() - began)
        figures.add(f"{name}, {size:,}", median(seconds) * 1000, "ms")


@contextmanager
def _filled(result: Result, tables: str, size: int, purses: int, days: int) -> Iterator[str]:
    """A database with `size` payments over `days` sealed dates but the last, which is open."""
    with new_database("questions", tables) as name:
        with connected_to(name):
            found_world(FIRST_DAY, purses=purses, merchants=MERCHANTS)
            world, before = read_world(), transfers()
            for number in range(days):
                day = FIRST_DAY + timedelta(days=number)
                _fill(world, day, number * (size // days), size // days)
                if number < days - 1:
                    cut_off(day)
                    seal(day)
            result.check("every payment is there", transfers() - before == size // days * days)
            execute_as_owner("VACUUM (ANALYZE)")
            _check_answers(result, world)
        yield name


def _fill(world: World, day: date, first: int, count: int) -> None:
    values: dict[str, Any] = {
        "day": day,
        "first": first,
        "count": count,
        "purse": world.purses[
            0
        ].account_id,  # accounts were opened at once, so that their ids follow each other
        "purses": len(world.purses),
        "merchant": world.merchants[0],
        "merchants": len(world.merchants),
        "kind": Transfer.Kind.PAYMENT,
        "source": SOURCES,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FILL, values)


def _check_answers(result: Result, world: World) -> None:
    """The answers are the sums of the transfers, found the slow way."""
    prove_books(result)
    for account in world.merchants[0], world.purses[0].account_id:
        fen, middle = account_balance_fen(account), FIRST_DAY + timedelta(days=1)
        result.check("balances are the sums of their transfers", fen == _summed(account, date.max))
        then = account_balance_fen(account, at=middle)
        result.check("balances of a date are the sums up to it", then == _summed(account, middle))
        lines: Sequence[int] = [line.balance_fen for line in account_statement(account).lines]
        result.check("a statement begins with the balance", lines[0] == fen)


def _summed(account: int, day: date) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT sum(CASE credit_id WHEN %(id)s THEN amount_fen ELSE -amount_fen END) FROM accounts_transfer
            WHERE %(id)s IN (debit_id, credit_id) AND business_date <= %(day)s""",
            {"id": account, "day": day},
        )
        return int(cursor.fetchone()[0])
