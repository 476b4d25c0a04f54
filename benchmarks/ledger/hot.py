"""The merchant everybody pays: eight clients on one merchant against a thousand; a busy row as the control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from benchmarks.databases import database_url, execute_as_owner, owner_url
from benchmarks.ledger.books import prove_books, transfers
from benchmarks.ledger.client import NAIVE, OURS, Order, serve
from benchmarks.ledger.floor import Floor, floor_database
from benchmarks.ledger.world import World
from benchmarks.timing import Result, Rounds

CLIENTS = 8
SECONDS, QUICK_SECONDS = 5.0, 0.5


def run(world: World, *, rounds: int, quick: bool) -> Result:
    """Postings per second of all clients together."""
    seconds, many = QUICK_SECONDS if quick else SECONDS, len(world.merchants)
    size = {"clients": CLIENTS, "merchants": many, "purses": len(world.purses)}
    result = Result("ledger-hot", f"One merchant or {many:,}, {CLIENTS} clients", size)
    figures, before, made = Rounds(), transfers(), 0
    orders = [Order(what, merchants, seconds) for what in (OURS, NAIVE) for merchants in (1, many)]
    with floor_database(purses=len(world.purses), merchants=many) as floor, _clients(floor) as pipes:
        for number in range(-1, rounds):
            execute_as_owner("CHECKPOINT")
            for order in orders if number % 2 else reversed(orders):
                done = _together(pipes, order)
                made += done if order.what == OURS else 0
                if number >= 0:  # the first round only warms everything up
                    figures.add(f"{order.what}, {order.merchants:,} merchants", done / order.seconds)
        result.check("the busy row's balances are the sums of their legs", floor.holds())
    result.check("one transfer for each posting", transfers() - before == made)
    prove_books(result)
    result.figures = figures.figures()
    for what in OURS, NAIVE:
        result.ratio(f"{what}: 1 merchant / {many:,}", f"{what}, 1 merchants", f"{what}, {many:,} merchants")
    return result


def _together(pipes: Sequence[Connection], order: Order) -> int:
    for pipe in pipes:
        pipe.send(order)
    return sum(pipe.recv() for pipe in pipes)


@contextmanager
def _clients(floor: Floor) -> Iterator[list[Connection]]:
    """All clients connected and ready."""
    context = get_context("spawn")  # a fork would inherit connections that are in use
    floor_url = owner_url(floor.connection.info.dbname)
    pipes, processes = list[Connection](), []
    try:
        for number in range(CLIENTS):
            ours, theirs = context.Pipe()
            words = (theirs, database_url(), floor_url, number, CLIENTS)
            processes.append(context.Process(target=serve, args=words, daemon=True))
            processes[-1].start()
            theirs.close()
            pipes.append(ours)
        for pipe in pipes:
            pipe.recv()
        yield pipes
        for pipe in pipes:
            pipe.send(None)
    finally:
        for process in processes:
            process.join(10)
            process.kill()
