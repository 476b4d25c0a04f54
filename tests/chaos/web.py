"""T1a over HTTP: signed purchases at a running web server, whose database dies under it again and again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from django.db.models import Sum
from django.utils import timezone

from benchmarks.city import found_city
from benchmarks.client import Connection, wire_form
from benchmarks.databases import copied_database, database_url
from benchmarks.field import Till, Wallet, minutes_ago, tills, wallets
from settlement.selectors.audit import broken_invariants
from terminals.models import Tap
from terminals.wire.record import TapRecord
from tests.chaos.database import give_up_durability
from tests.chaos.figures import Pair
from tests.chaos.house import TEMPLATE, House
from tests.chaos.storm import Gauge, Promises, Storm, storm

TILLS: Final = 8
CARDS_EACH: Final = 16
SIZE: Final = {"kills": 2, "acks": 200}
FULL: Final = {"kills": 40, "acks": 50_000}
CONTROL: Final = {"kills": 2, "acks": 200}
_PAUSE_SECONDS: Final = 0.05


@dataclass
class Queue:
    """A terminal with passengers: each purchase is sent until the centre has answered it."""

    till: Till
    cards: Sequence[Wallet]
    address: str

    def __call__(self, number: int, gauge: Gauge) -> Promises:
        """Work; what was accepted, and its fen under the terminal's id."""
        promises, wallets = Promises(), cycle(self.cards)
        while not gauge.closing:
            record = self.till.purchase(next(wallets), 1, minutes_ago(timezone.now()))
            answer = self._answered(record, promises)
            result = json.loads(answer).get("result")
            if result not in ("accepted", "duplicate"):
                promises.refused.append(answer.decode())
                continue
            gauge.count(number)
            promises.known += result == "duplicate"
            promises.keys.append(f"{self.till.terminal.pk}:{record.terminal_seq}")
        return promises

    def _answered(self, record: TapRecord, promises: Promises) -> bytes:
        """The centre's answer, asked for until there is one."""
        body, url = record.to_json().encode(), f"http://{self.address}/api/v1/taps"
        while True:
            try:
                with Connection(self.address) as server:
                    status, answer = server.send(wire_form(self.till.signed(url, body, "application/json")))
            except OSError:
                status = 0
            if 200 <= status < 500:
                return answer
            promises.unsure += 1
            time.sleep(_PAUSE_SECONDS)


def run(house: House, *, full: bool) -> Iterator[Pair]:
    """What the terminals were told, and what of it is in the books."""
    safe, lost, wrong = _rush_hour(house, FULL if full else SIZE, durable=True)
    unsafe, lost_unsafe, _wrong = _rush_hour(house, CONTROL, durable=False)
    yield Pair(
        name="T1a over HTTP",
        done=str(safe),
        lost=len(lost) + len(wrong),
        control=f"synchronous_commit=off, {len(unsafe.restarts)} kills, {len(unsafe.keys):,} acknowledged",
        control_lost=len(lost_unsafe),
        found=(*lost[:5], *wrong[:5]),
    )


def _rush_hour(house: House, size: dict[str, int], *, durable: bool) -> tuple[Storm, list[str], list[str]]:
    with copied_database(TEMPLATE):
        found_city(timezone.localdate(), merchants=TILLS, cards=TILLS * CARDS_EACH)
        if not durable:
            give_up_durability()
        points, cards = tills(), wallets()
        shares = [cards[n * CARDS_EACH : (n + 1) * CARDS_EACH] for n in range(TILLS)]
        with house.web(database_url()) as address:
            queues = [Queue(till, share, address) for till, share in zip(points, shares, strict=True)]
            met = storm(house, queues, **size)
        taps = Tap.objects.values_list("terminal_id", "terminal_seq")
        there = {f"{terminal}:{sequence}" for terminal, sequence in taps}
        lost = [key for key in met.keys if key not in there]
        wrong = [str(breach) for breach in broken_invariants()] + met.refused
        booked = Tap.objects.aggregate(taps=Sum("amount_fen"))["taps"]
        if booked != len(met.keys):
            wrong.append(f"{booked} fen booked, {len(met.keys)} accepted")
        return met, lost, wrong
