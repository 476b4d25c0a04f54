"""`python -m benchmarks.growth`: is a batch accepted as fast beside millions of taps as beside none?

The same batches are accepted into a new city and again after each business date that was filled beside them; COPY of a batch's
rows into a bare table is measured in the same breath, for the machine's own ups and downs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the settings are not there yet
    from benchmarks.field import Till, Wallet

CARDS, PAYING, MERCHANTS = 20_000, 1_000, 50


def main() -> None:
    """Measure and print a line for each size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--taps", type=int, default=2_000_000, help="taps beside the batches in the end")
    parser.add_argument("--days", type=int, default=5, help="business dates they are spread over")
    parser.add_argument("--batches", type=int, default=3, help="batches of 10,000 at each size")
    options = parser.parse_args()
    from benchmarks.house import running_house, state_directory

    with state_directory() as state:
        import django

        django.setup()
        with running_house(state):
            _grow(options)


def _grow(options: argparse.Namespace) -> None:
    from django.utils import timezone

    from benchmarks.city import found_city, tap_many
    from benchmarks.databases import execute_as_owner
    from benchmarks.field import tills, wallets
    from citizencard.core.calendar import cut_off
    from terminals.models import Tap

    day = timezone.localdate() - timedelta(days=options.days)
    found_city(day, merchants=MERCHANTS, cards=CARDS)
    execute_as_owner("CREATE TABLE bare_tap (LIKE terminals_tap)", "GRANT ALL ON bare_tap TO PUBLIC")
    till, cards = tills()[0], wallets()[:PAYING]
    counters = 0
    _measure(till, cards, "warm-up", 1)
    for number in range(options.days + 1):
        counters += options.batches
        figures = _measure(till, cards, str(number), options.batches)
        print(f"{Tap.objects.count():>12,} taps, {number + 1} dates: {figures}", flush=True)
        if number == options.days:
            break
        tap_many(day, merchants=MERCHANTS, cards=CARDS, taps=options.taps // options.days)
        _follow(cards)
        execute_as_owner("VACUUM ANALYZE")
        cut_off(day)
        day = _next(day)


def _next(day: date) -> date:
    return day + timedelta(days=1)


def _follow(cards: Sequence[Wallet]) -> None:
    """The chips go on where the filled dates left their counters."""
    from itertools import count

    from accounts.models import Purse

    seen = dict(Purse.objects.values_list("card__pan", "offline_seen"))
    for card in cards:
        card.atc = count(seen[card.pan][-1].upper)


def _measure(till: Till, cards: Sequence[Wallet], name: str, batches: int) -> str:
    from benchmarks import batch
    from terminals.services.acceptance import accept_batch

    service, copies = list[float](), list[float]()
    _catch_up(till)
    for number in range(batches):
        body = batch._body(f"{name}-{number}", till, cards, batch.RECORDS)
        began = perf_counter()
        stored = accept_batch(terminal=till.terminal, body=body)
        service.append(batch.RECORDS / (perf_counter() - began))
        assert stored.accepted == batch.RECORDS, stored.answer
        copies.append(batch.RECORDS / _copy_seconds(stored.pk))
    ratio = median(one / raw for one, raw in zip(service, copies, strict=True))
    return f"{median(service):,.0f} records/s, {ratio:.3f} of COPY"


def _catch_up(till: Till) -> None:
    from itertools import count

    from terminals.models import Terminal

    seen = Terminal.objects.get(pk=till.terminal.pk).sequences_seen
    till._sequence = count(seen[-1].upper if seen else 1)


def _copy_seconds(batch_id: int) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        rows = f"(SELECT * FROM terminals_tap WHERE batch_id = {batch_id})"
        with cursor.copy(f"COPY {rows} TO STDOUT (FORMAT BINARY)") as copy:
            block = b"".join(copy)
        began = perf_counter()
        with cursor.copy("COPY bare_tap FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(block)
        took = perf_counter() - began
        cursor.execute("TRUNCATE bare_tap")
    return took


if __name__ == "__main__":
    main()
