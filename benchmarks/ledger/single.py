"""One durable posting at a time from one process: the raw limit, ours, a payment judged by its limits, and peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from time import perf_counter

from django.utils import timezone

from accounts.models import Payment
from accounts.services.payments import pay
from benchmarks.databases import execute_as_owner
from benchmarks.ledger.books import prove_books, transfers
from benchmarks.ledger.floor import floor_database
from benchmarks.ledger.peers import Peer, check_peers
from benchmarks.ledger.world import World, amount_fen, post
from benchmarks.timing import Result, Rounds

POSTINGS, QUICK_POSTINGS = 3_000, 50
TURNS = 10
WARM_UP = 20
FLOOR, OURS, PAY = "post_hot (raw limit)", "post_journal", "pay, limits judged"


def run(world: World, peers: Sequence[Peer], *, rounds: int, quick: bool) -> Result:
    """Postings per second, each its own transaction, everybody on the same server with the same durability."""
    postings = QUICK_POSTINGS if quick else POSTINGS
    purses, merchants = len(world.purses), len(world.merchants)
    size = {"postings": postings, "purses": purses, "merchants": merchants}
    result = Result("ledger-single", "One durable posting at a time, one process", size)
    before, figures, numbers = transfers(), Rounds(), count(1)
    with floor_database(purses=purses, merchants=merchants) as floor:
        steps: dict[str, Callable[[int], float]] = {
            FLOOR: lambda times: _rate(
                times,
                numbers,
                lambda n: floor.post(n * 7919 % purses, n % merchants, amount_fen(n)),
            ),
            OURS: lambda times: _rate(times, numbers, lambda n: post(world.leg(n))),
            PAY: lambda times: _rate(times, numbers, lambda n: _pay(world, n)),
            **{peer.name: peer.single for peer in peers},
        }
        for step in steps.values():
            step(WARM_UP)
        for _ in range(rounds):
            execute_as_owner("CHECKPOINT")
            figures.in_turns(steps, postings, TURNS)
        result.check("the raw limit's balances are the sums of their legs", floor.holds())
    check_peers(result, peers)
    made = 2 * (rounds * postings + WARM_UP)
    result.check("one transfer for each posting", transfers() - before == made)
    leg = world.leg(0)
    result.check("a repeat posts nothing", post(leg).pk == post(leg).pk)
    result.check("a repeat posts nothing", transfers() - before == made + 1)
    prove_books(result)
    result.figures = figures.figures()
    for name in OURS, PAY:
        for below in (FLOOR, *(peer.name for peer in peers)):
            result.ratio(f"{name} / {below}", name, below)
    return result


def _rate(times: int, numbers: Iterator[int], once: Callable[[int], object]) -> float:
    began = perf_counter()
    for _ in range(times):
        once(next(numbers))
    return times / (perf_counter() - began)


def _pay(world: World, number: int) -> Payment:
    return pay(
        purse=world.purse(number),
        payee=world.merchants[number % len(world.merchants)],
        amount_fen=amount_fen(number),
        key=f"bench:{number}",
        channel="qr",
        actor="bench",
        occurred_at=timezone.now(),
    )
