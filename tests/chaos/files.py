"""T5b: the same purchases in every way a file can come twice, and copied chips among them: one ledger, every copy found."""

from __future__ import annotations

import gzip
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from unittest import mock

from django.db import connection
from django.db.models import Sum

from accounts.models import Card, Purse
from benchmarks.databases import execute_as_owner
from citizencard.core.keyservice.keystore import load_demo_keys
from settlement.selectors.audit import broken_invariants
from terminals.models import Batch, Tap
from terminals.services.acceptance import accept_batch, judgement
from terminals.wire.batch import build_batch
from terminals.wire.content import inflate
from terminals.wire.record import TapRecord
from terminals.wire.txn import MEDIA_TYPE as TXN
from terminals.wire.txn import build_txn
from tests.chaos.figures import Pair
from tests.chaos.house import House
from tests.chaos.matrix import world
from tests.factories import NOON, fill_purse, make_card
from tests.terminals.field import Field

DEMO_KEYS: Final = Path(__file__).resolve().parents[2] / "fixtures" / "demo_keys.json"
CASES, CASES_FULL, CASES_CONTROL = 8, 700, 4
CARDS, FILLING_FEN, BODY_MAX = 20, 90_000, 1 << 20
_numbers = itertools.count(1)


@dataclass
class Town:
    """A terminal, cards, and what came of everything so far. `faults` is what should not be."""

    route: Field
    cards: list[Card]
    lot: random.Random
    counters: list[int] = field(default_factory=lambda: [0] * CARDS)
    paid_fen: int = 0
    taps: int = 0
    copies: int = 0
    batches: int = 0
    earlier: list[TapRecord] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def ride(self) -> TapRecord:
        """An honest purchase."""
        at = self.lot.randrange(CARDS)
        self.counters[at] += 1
        return self._tap(at, self.counters[at])

    def copied(self, taken: list[TapRecord]) -> TapRecord:
        """A copied chip's purchase: with a counter of this file, or, rolled back, of an earlier one."""
        source = self.lot.choice(taken if self.lot.random() < 0.5 or not self.earlier else self.earlier)
        at = next(at for at, card in enumerate(self.cards) if card.pan == source.card_no)
        return self._tap(at, source.atc, days=self.lot.randrange(2))

    def _tap(self, at: int, counter: int, days: int = 0) -> TapRecord:
        return self.route.tap(
            self.cards[at],
            counter,
            self.lot.randrange(1, 20),
            occurred_at=NOON + timedelta(seconds=counter, days=days),
            place=self.lot.choice(["", "东湖", "a→b"]),
            trip=self.lot.choice(["", "in:S1", "out:S07:S02:20260302113000@K1", "@K1"]),
        )

    def hand_in(self, body: bytes, media_type: str = "application/x-ndjson") -> Batch:
        """One upload."""
        self.batches += 1
        return accept_batch(terminal=self.route.terminal, body=body, media_type=media_type)

    def demand(self, what: str, found: object, wanted: object) -> None:
        """Keep what differs."""
        if found != wanted:
            self.faults.append(f"{what}: {found}, not {wanted}")


def run(house: House, *, full: bool) -> Iterator[Pair]:
    """One pair: with the counters' checks and without."""
    cases = CASES_FULL if full else CASES
    safe = _town(cases)
    with mock.patch.object(judgement, "_JUDGE", _unchecked()):
        unsafe = _town(CASES_CONTROL, without="DROP INDEX tap_counter_once")
    yield Pair(
        name="T5b files sent twice",
        done=f"{safe.batches:,} batches, {safe.taps:,} purchases, {safe.copies:,} copied chips all found",
        lost=len(safe.faults),
        control=f"without unique key and counter check, {unsafe.batches} batches",
        control_lost=len(unsafe.faults),
        found=tuple(safe.faults[:20]),
    )


def _unchecked() -> str:
    return judgement._JUDGE.replace("offline_seen @> arriving.atc", "false").replace(
        "sequences_seen @> arriving.seq", "false"
    )


def _town(cases: int, without: str = "") -> Town:
    with world():
        if without:
            execute_as_owner(without)
        keys = load_demo_keys(DEMO_KEYS, environment="demo")
        cards = [make_card() for _ in range(CARDS)]
        for card in cards:
            fill_purse(card, FILLING_FEN)
        town = Town(Field.install(keys, f"route-{next(_numbers)}"), cards, random.Random(cases))
        for _ in range(cases):
            _case(town)
        town.faults += [str(breach) for breach in broken_invariants()]
    return town


def _case(town: Town) -> None:
    """A file with perhaps some copies in it, and then the same again in some ways."""
    rides = [town.ride() for _ in range(town.lot.randrange(4, 12))]
    copies = [town.copied(rides) for _ in range(town.lot.choice([0, 0, 1, 2]))]
    records = rides + copies
    town.taps, town.copies = town.taps + len(rides), town.copies + len(copies)
    town.paid_fen += sum(ride.amount_fen for ride in rides)
    first = town.lot.choice([_alone, _two_routes])
    first(town, records, len(rides), len(copies))
    for way in town.lot.sample(WAYS, 4):
        way(town, records)
        _look(town, way.__name__)
    town.earlier += rides


def _look(town: Town, what: str) -> None:
    """The ledger is what the first upload made it."""
    town.demand(f"taps after {what}", Tap.objects.count(), town.taps + town.copies)
    town.demand(f"copies after {what}", Tap.objects.filter(outcome=3).count(), town.copies)
    paid = CARDS * FILLING_FEN - (Purse.objects.aggregate(sum=Sum("balance_fen"))["sum"] or 0)
    town.demand(f"purses after {what}", paid, town.paid_fen)


def _number() -> str:
    return f"F{next(_numbers)}"


def _counts(batch: Batch) -> tuple[int, int, int, int]:
    return batch.accepted, batch.suspended, batch.duplicate, batch.rejected


def _alone(town: Town, records: list[TapRecord], rides: int, copies: int) -> None:
    batch = town.hand_in(build_batch(_number(), records))
    town.demand("first upload", _counts(batch), (rides, copies, 0, 0))


def _two_routes(town: Town, records: list[TapRecord], rides: int, copies: int) -> None:
    """The terminal and its depot at the same moment, each in its own form and order."""
    numbers, barrier = (_number(), _number()), threading.Barrier(2)
    jobs: list[Callable[[], Batch]] = [
        lambda: town.hand_in(build_batch(numbers[0], records)),
        lambda: town.hand_in(build_txn(numbers[1], records), TXN),
    ]

    def routed(job: Callable[[], Batch]) -> tuple[int, int, int, int]:
        try:
            barrier.wait(60)
            return _counts(job())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(routed, jobs))
    sums = tuple(map(sum, zip(*counts, strict=True)))
    town.demand("two routes", sums, (rides, copies, rides + copies, 0))


def _same(town: Town, records: list[TapRecord]) -> None:
    body = build_batch(_number(), records)
    first = town.hand_in(body)
    town.demand("duplicates", _counts(first), (0, 0, len(records), 0))
    town.demand("repeat", town.hand_in(body).pk, first.pk)


def _reversed(town: Town, records: list[TapRecord]) -> None:
    _again(town, build_batch(_number(), records[::-1]), len(records))


def _split(town: Town, records: list[TapRecord]) -> None:
    cut = town.lot.randrange(len(records))
    for part in (records[:cut], records[cut:]):
        _again(town, build_batch(_number(), part), len(part))


def _merged(town: Town, records: list[TapRecord]) -> None:
    more = town.earlier[-5:] + records + records[:2]
    _again(town, build_batch(_number(), more), len(more))


def _zipped(town: Town, records: list[TapRecord]) -> None:
    _again(town, inflate(gzip.compress(build_batch(_number(), records)), BODY_MAX), len(records))


def _columns(town: Town, records: list[TapRecord]) -> None:
    _again(town, build_txn(_number(), records), len(records), TXN)


def _changed(town: Town, records: list[TapRecord]) -> None:
    """One byte of one record: a duplicate where no TAC covers it, refused elsewhere, never another purchase."""
    body = bytearray(build_batch(_number(), records))
    at = town.lot.randrange(body.index(b"\n") + 1, len(body))
    body[at] = town.lot.choice([byte for byte in b'0123456789ABC,:"}' if byte != body[at]])
    batch = town.hand_in(bytes(body))
    town.demand("of a changed file", _counts(batch)[:2], (0, 0))


def _again(town: Town, body: bytes, records: int, media_type: str = "application/x-ndjson") -> None:
    town.demand("duplicates", _counts(town.hand_in(body, media_type)), (0, 0, records, 0))


WAYS: Final[list[Any]] = [_same, _reversed, _split, _merged, _zipped, _columns, _changed]
