"""The proofs after a measurement see what they are there for."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from benchmarks.ledger.books import prove_books, transfers
from benchmarks.ledger.world import FUNDS_FEN, World, amount_fen, found_world, post, read_world
from benchmarks.timing import Result

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    found_world(date(2026, 3, 2), purses=4, merchants=2)
    return read_world()


def test_a_world_posts_and_its_books_hold(world: World) -> None:
    result = Result("x", "X", {})
    post(*(world.leg(number) for number in range(3)))

    assert transfers() == 4 + 3
    prove_books(result)
    assert "every purse is the sum of its legs" in result.checks
    paying = world.purse(1)
    paying.refresh_from_db()
    assert paying.balance_fen == FUNDS_FEN - amount_fen(1)


def test_the_legs_of_a_set_come_from_purses_of_their_own(world: World) -> None:
    assert len({world.leg(number).debit_id for number in range(4)}) == 4
    assert len({world.leg(number, merchants=1).credit_id for number in range(4)}) == 1


@pytest.mark.parametrize(
    ("harm", "proof"),
    [
        ("UPDATE accounts_purse SET balance_fen = balance_fen + 1", "every purse is the sum of its legs"),
        ("UPDATE accounts_tally SET debit_fen = debit_fen + 1", "debits equal credits"),
        (
            "UPDATE accounts_tally SET debit_fen = debit_fen + 1, credit_fen = credit_fen + 1",
            "every tally is the sum of its legs",
        ),
    ],
)
def test_harm_to_the_books_ends_the_benchmark(world: World, harm: str, proof: str) -> None:
    post(world.leg(1))
    with connection.cursor() as cursor:
        cursor.execute(harm)
    with pytest.raises(SystemExit, match=f"wrong answer: {proof}"):
        prove_books(Result("x", "X", {}))
