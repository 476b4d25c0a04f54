"""One of several clients posting at once: a process of its own, so that Python's lock is not what is measured."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from time import perf_counter
from typing import NamedTuple

OURS, NAIVE = "post_journal", "busy row"


class Order(NamedTuple):
    """Post for so many seconds to so many merchants."""

    what: str
    merchants: int
    seconds: float


def serve(pipe: Connection, database_url: str, floor_conninfo: str, client: int, clients: int) -> None:
    """Take orders until None comes; each is answered with the number of postings made."""
    os.environ["DATABASE_URL"] = database_url
    import django

    django.setup()
    import psycopg

    from benchmarks.ledger.floor import Floor
    from benchmarks.ledger.world import amount_fen, post, read_world

    world, numbers = read_world(), count(client, clients)
    purses = len(world.purses)
    with psycopg.connect(floor_conninfo, autocommit=True) as connection:
        floor = Floor(connection, purses=purses)
        posts: dict[str, Callable[[int, int], object]] = {
            OURS: lambda n, merchants: post(world.leg(n, merchants=merchants)),
            NAIVE: lambda n, merchants: floor.post(n * 7919 % purses, n % merchants, amount_fen(n)),
        }
        pipe.send(0)
        while order := pipe.recv():
            made, end = 0, perf_counter() + order.seconds
            while perf_counter() < end:
                posts[order.what](next(numbers), order.merchants)
                made += 1
            pipe.send(made)
