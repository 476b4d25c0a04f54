"""Two hundred clients paying from one purse at once: how many get through, and that the floor holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter

from django.db import connection, connections
from django.utils import timezone

from accounts.errors import PurseFloorReached
from accounts.models import Purse
from accounts.services.payments import pay
from benchmarks.databases import reconnected
from benchmarks.ledger.books import prove_books, transfers
from benchmarks.ledger.world import World
from benchmarks.timing import Result, Rounds

CLIENTS = 200
CONNECTIONS = 100
"""What is left of the server's 200 for one process; the other clients wait for their turn, as they would in the web server."""
EACH, QUICK_EACH = 10, 2


def run(world: World, *, rounds: int, quick: bool) -> Result:
    """Each round a purse of its own that can afford half of what is asked of it."""
    each = QUICK_EACH if quick else EACH
    size = {"clients": CLIENTS, "connections": CONNECTIONS, "payments": CLIENTS * each}
    result = Result("ledger-crowd", f"{CLIENTS} clients paying from one purse", size)
    figures, before, posted = Rounds(), transfers(), 0
    with _many_connections():
        for number in range(rounds):
            posted += _round(figures, result, world, number, each)
    result.check("one transfer for each payment that was taken", transfers() - before == posted)
    prove_books(result)
    result.figures = figures.figures()
    return result


def _round(figures: Rounds, result: Result, world: World, number: int, each: int) -> int:
    purse = world.purses[number]
    asked = CLIENTS * each
    amount = 2 * purse.balance_fen // asked
    gate = threading.Barrier(CLIENTS + 1)

    def client(at: int) -> list[bool]:
        gate.wait()
        try:
            return [_paid(world, purse, f"crowd:{number}:{at}:{turn}", amount) for turn in range(each)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [pool.submit(client, at) for at in range(CLIENTS)]
        gate.wait()
        began = perf_counter()
        taken = sum(sum(answer.result()) for answer in answers)
        seconds = perf_counter() - began
    left = Purse.objects.get(pk=purse.pk).balance_fen
    result.check("what fits was taken, the rest refused", taken == purse.balance_fen // amount)
    result.check("the floor held and not a fen is lost", left == purse.balance_fen - taken * amount >= 0)
    figures.add("payments answered", asked / seconds)
    figures.add("taken", taken, "")
    figures.add("refused at the floor", asked - taken, "")
    return taken


def _paid(world: World, purse: Purse, key: str, amount: int) -> bool:
    try:
        pay(
            purse=purse,
            payee=world.merchants[0],
            amount_fen=amount,
            key=key,
            channel="qr",
            actor="bench",
            occurred_at=timezone.now(),
        )
    except PurseFloorReached:
        return False
    return True


@contextmanager
def _many_connections() -> Iterator[None]:
    options = connection.settings_dict["OPTIONS"]
    before = options["pool"]
    with reconnected():
        options["pool"] = before | {"max_size": CONNECTIONS, "timeout": 60}
    try:
        yield
    finally:
        with reconnected():
            options["pool"] = before
