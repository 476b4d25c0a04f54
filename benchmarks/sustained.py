"""Online purchases for ten minutes without a pause: does the rate hold, and how long do the slowest wait?"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from statistics import quantiles
from time import perf_counter

from django.utils import timezone

from benchmarks.client import Connection, wire_form
from benchmarks.field import Till, Wallet, minutes_ago
from benchmarks.timing import Result, Rounds
from settlement.selectors.audit import broken_invariants
from terminals.models import Tap

SECONDS = 600
QUICK_SECONDS = 2
AMOUNT_FEN = 1
PERIODS = 10
SLOW_SECONDS = 1.0
RATE, TAIL, LONGEST = "purchase", "purchase, p99", "purchase, longest"


def run(*, address: str, tills: Sequence[Till], cards: Sequence[Wallet], quick: bool) -> Result:
    """A client per till, each signing as it goes and taking its cards in turn; figures of each tenth of the time."""
    seconds = QUICK_SECONDS if quick else SECONDS
    result = Result(
        "online-sustained",
        f"Online purchases, {len(tills)} clients for {seconds} s",
        {"clients": len(tills), "seconds": seconds, "cards": len(cards)},
    )
    before, answered, refused = Tap.objects.count(), list[tuple[float, float]](), list[bytes]()
    closed = list[float]()
    began = perf_counter()

    def client(till: Till, mine: Sequence[Wallet]) -> None:
        server = Connection(address)
        for card in cycle(mine):
            if perf_counter() - began > seconds:
                break
            body = till.purchase(card, AMOUNT_FEN, minutes_ago(timezone.now())).to_json().encode()
            signed = partial(till.signed, f"http://{address}/api/v1/taps", body, "application/json")
            asked = perf_counter()
            try:
                status, answer = server.send(wire_form(signed()))
            except ConnectionError:  # a worker process that has served its time; the terminal asks once more
                closed.append(asked)
                server = Connection(address)
                status, answer = server.send(wire_form(signed()))
            if status != 200 or json.loads(answer)["result"] != "accepted":
                refused.append(answer)
                break
            answered.append((asked - began, perf_counter() - asked))

    clients = [
        threading.Thread(target=client, args=[till, cards[number :: len(tills)]])
        for number, till in enumerate(tills)
    ]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    result.check("every purchase was accepted", not refused)
    result.check("one tap for each purchase", Tap.objects.count() - before == len(answered))
    result.check("the audit is clean", broken_invariants() == [])
    figures = Rounds()
    for period in range(PERIODS):
        first, last = seconds * period / PERIODS, seconds * (period + 1) / PERIODS
        waits = [waited for asked, waited in answered if first <= asked < last]
        figures.add(RATE, len(waits) * PERIODS / seconds)
        figures.add(TAIL, quantiles(waits, n=100)[98] * 1000, "ms")
        figures.add(LONGEST, max(waits) * 1000, "ms")
    result.figures = figures.figures()
    slow = sum(waited > SLOW_SECONDS for _asked, waited in answered)
    result.notes.append(
        f"{len(answered):,} purchases, {slow} of them took longer than a second, {len(closed)} asked twice"
    )
    return result
