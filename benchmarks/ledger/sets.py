"""Many payments in one journal and one commit, next to what the peers can do at their best."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from time import perf_counter

from benchmarks.databases import execute_as_owner
from benchmarks.ledger.books import prove_books, transfers
from benchmarks.ledger.peers import Peer, check_peers
from benchmarks.ledger.world import World, post
from benchmarks.timing import Result, Rounds

SIZES = (10, 100, 1_000, 8_190)
BULK = 1_000
MERCHANTS = 8
"""A depot's file is of a few operators."""
POSTINGS, QUICK_POSTINGS = 20_000, 1_000


def run(world: World, peers: Sequence[Peer], *, rounds: int, quick: bool) -> Result:
    """Payments per second, the making of Python's objects included for everybody."""
    postings = QUICK_POSTINGS if quick else POSTINGS
    result = Result("ledger-sets", "Payments in sets, one commit each", {"payments": postings})
    before, made, figures, numbers = transfers(), 0, Rounds(), count()
    for number in range(-1, rounds):
        execute_as_owner("CHECKPOINT")
        into = figures if number >= 0 else Rounds()  # the first round only warms everything up
        for size in SIZES:
            times = max(1, postings // size)
            into.add(_ours(size), _rate(world, numbers, size, times))
            made += size * times
        for peer in peers:
            into.add(f"{peer.name}, bulk of {BULK:,}", peer.bulk(BULK, max(1, postings // BULK)))
    check_peers(result, peers)
    result.check("one transfer for each payment", transfers() - before == made)
    legs = [world.leg(n) for n in range(made, made + BULK)]
    result.check("a repeat posts nothing", post(*legs).pk == post(*legs).pk)
    result.check("a repeat posts nothing", transfers() - before == made + BULK)
    prove_books(result)
    result.figures = figures.figures()
    for peer in peers:
        name = f"{peer.name}, bulk of {BULK:,}"
        result.ratio(f"{_ours(BULK)} / {name}", _ours(BULK), name)
    return result


def _ours(size: int) -> str:
    return f"post_journal, sets of {size:,}"


def _rate(world: World, numbers: count[int], size: int, times: int) -> float:
    began = perf_counter()
    for _ in range(times):
        post(*(world.leg(next(numbers), merchants=MERCHANTS) for _ in range(size)))
    return size * times / (perf_counter() - began)
