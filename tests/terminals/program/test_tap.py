"""At the tap, without the centre: limits, listed cards, torn cards and false ones; every outcome says everything."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from terminals.program.clock import Drift
from terminals.program.limits import Limits, LimitsError
from terminals.program.lists import ListStore
from terminals.program.memory import Memory
from terminals.program.orders import Orders
from terminals.program.result import TapResult
from terminals.program.terminal import INSIST, Terminal
from terminals.program.upload import MISSING
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.wire.packed import PackedCards
from tests.terminals import cards
from tests.terminals.program.centre import FakeCentre
from tests.terminals.program.fares import orders_of
from tests.terminals.wire.test_lists import CENTRE

NOON = datetime.fromisoformat("2026-03-02T12:00:00+08:00")
NUMBERS = ["3105883700000000101", "3105883700000000102"]
FLAT = orders_of("flat", fare_fen=200)
TILL = orders_of("entered", max_fen=100_000)
DEBIT = b"\x80\x54"
CREDIT_SAM = b"\x80\x72"


def chip(number: str = NUMBERS[0], balance_fen: int = 1_000, overdraft_fen: int = 0) -> Chip:
    return cards.issued_chip(cards.card_spec(number, balance_fen, overdraft_fen))


class Torn(MemoryTransport):
    """Leaves at DEBIT; before the chip sees it, or before its answer is seen."""

    def __init__(self, held: Chip, *, after: bool) -> None:
        super().__init__(held)
        self._after = after

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        if apdu[:2] == DEBIT:
            if self._after:
                super().transmit(apdu)
            self.remove()
        return super().transmit(apdu)


class Lying(MemoryTransport):
    """Answers DEBIT with another MAC2."""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        data, sw = super().transmit(apdu)
        return (data[:-1] + bytes([data[-1] ^ 1]), sw) if apdu[:2] == DEBIT else (data, sw)


class Bench:
    """One terminal and the centre it uploads to; `restart` is a power cut."""

    def __init__(self, folder: Path, orders: Orders) -> None:
        self.folder, self.orders = folder, orders
        self.sam, self.centre = cards.issued_psam(), FakeCentre()
        self.start()

    def start(self) -> None:
        self.memory = Memory.open(self.folder)
        self.terminal = Terminal(
            sam=MemoryTransport(self.sam), memory=self.memory, orders=self.orders, client=self.centre.client()
        )

    def restart(self) -> None:
        self.memory.close()
        self.start()

    def tap(self, card: Chip | MemoryTransport, seconds: float = 0, **more: Any) -> TapResult:
        transport = card if isinstance(card, MemoryTransport) else MemoryTransport(card)
        return self.terminal.tap(transport, when=NOON + timedelta(seconds=seconds), **more)

    def codes(self, *results: TapResult) -> list[str]:
        return [result.reason.code for result in results]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, FLAT)
    yield bench
    bench.memory.close()


def ordered(bench: Bench, orders: Orders) -> Bench:
    bench.terminal.orders = bench.orders = orders
    return bench


def test_limits_bind_before_the_card_is_charged(bench: Bench) -> None:
    limits = Limits(single_fen=500, offline_count=3, offline_sum_fen=900)
    ordered(bench, replace(TILL, limits=limits))
    card = chip(balance_fen=10_000)
    amounts = [501, 500, 401, 300, 100, 1]
    results = [bench.tap(card, 60 * n, amount_fen=fen) for n, fen in enumerate(amounts)]
    codes = ["over_single", "accepted", "over_daily_sum", "accepted", "accepted", "over_daily_count"]
    assert bench.codes(*results) == codes
    assert card.state.balance_fen == 10_000 - 900
    bench.restart()
    assert bench.tap(card, 600, amount_fen=1).reason.code == "over_daily_count"
    assert bench.tap(card, 13 * 3_600, amount_fen=500).ok


@pytest.mark.parametrize(
    ("allowed", "code"), [(0, "overdraft"), (99, "overdraft"), (100, "accepted"), (None, "accepted")]
)
def test_the_overdraft_of_a_card_is_used_as_far_as_the_terminal_allows(
    bench: Bench, allowed: int | None, code: str
) -> None:
    ordered(bench, replace(FLAT, limits=Limits(overdraft_fen=allowed)))
    result = bench.tap(chip(balance_fen=900, overdraft_fen=800))
    assert (result.reason.code, result.balance_before_fen) == (code, 100)
    assert result.balance_fen == (-100 if result.ok else 100)


@pytest.mark.parametrize(
    "wrong", [{"single": 1}, {"single_fen": -1}, {"offline_count": "3"}, {"offline_count": True}]
)
def test_limits_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LimitsError):
        Limits.parse(wrong)


def test_a_listed_card_is_refused_from_its_moment_on_by_the_signed_list(bench: Bench, tmp_path: Path) -> None:
    store = ListStore.open(tmp_path / "lists", CENTRE.public_key)
    listed = PackedCards.pack({NUMBERS[0]: NOON + timedelta(minutes=5)})
    tariffs = {"tariffs": [{"valid_from": "2026-01-01", "kind": "flat", "rule": {"fare_fen": 200}}]}
    parameters = {"limits": {"single_fen": 300}}
    store.offer("hot_list", CENTRE.hot_list(1, listed, issued_at=NOON).to_bytes(), NOON)
    for kind, content in (("tariffs", tariffs), ("parameters", parameters)):
        document = CENTRE.document(kind, 1, json.dumps(content).encode(), count=1, issued_at=NOON)
        store.offer(kind, document.to_bytes(), NOON)
    ordered(bench, Orders.of(store))
    assert bench.terminal.orders.limits == Limits(single_fen=300)
    card = chip()
    assert bench.codes(bench.tap(card), bench.tap(card, 300), bench.tap(chip(NUMBERS[1]), 300)) == [
        "accepted",
        "listed",
        "accepted",
    ]
    assert card.state.balance_fen == 800
    empty = ListStore.open(tmp_path / "nothing", CENTRE.public_key)
    assert ordered(bench, Orders.of(empty)).tap(card, 600).reason.code == "no_tariff"


@pytest.mark.parametrize("after", [False, True])
def test_after_a_torn_purchase_the_same_card_is_insisted_on_for_a_moment(bench: Bench, after: bool) -> None:
    first, other = chip(), chip(NUMBERS[1])
    torn = bench.tap(Torn(first, after=after))
    assert (torn.ok, torn.reason.code, torn.fare_fen) == (False, "unfinished", 200)
    assert (torn.balance_before_fen, torn.balance_fen) == (1_000, None)
    assert bench.tap(other, 3).reason.code == "other_card"
    assert other.state.balance_fen == 1_000
    back = bench.tap(first, 5)
    assert back.reason.code == ("recovered" if after else "accepted")
    assert (first.state.balance_fen, back.balance_fen) == (800, 800)
    assert bench.tap(other, 6).ok


def test_other_cards_are_served_again_when_the_torn_one_is_gone(bench: Bench) -> None:
    bench.tap(Torn(chip(), after=True))
    other = chip(NUMBERS[1])
    assert bench.tap(other, INSIST.total_seconds()).ok


@pytest.mark.parametrize("after", [False, True])
def test_a_torn_card_that_does_not_come_back_is_reported_grey_and_corrected_when_it_does(
    bench: Bench, after: bool
) -> None:
    card = chip()
    bench.tap(Torn(card, after=after))
    sender = bench.terminal.uploader
    assert sender is not None
    assert not sender.step(NOON + MISSING)
    assert sender.step(NOON + MISSING + timedelta(seconds=1))
    (grey,) = bench.centre.greys
    assert (grey.cause, grey.record.amount_fen, grey.record.card_no) == ("no_answer", 200, NUMBERS[0])
    assert "tac" not in grey.to_dict()
    bench.restart()
    result = bench.tap(card, 8_000)
    sender = bench.terminal.uploader
    assert sender is not None
    while sender.step(NOON + timedelta(hours=4)):
        pass
    sequences = [record.terminal_seq for record in bench.centre.taps.values()]
    if after:
        assert result.reason.code == "recovered"
        assert sequences == [grey.record.terminal_seq]
        assert [item.cause for item in bench.centre.greys] == ["no_answer"]
    else:
        assert result.reason.code == "accepted"
        assert sequences == [grey.record.terminal_seq + 1]
        assert [item.cause for item in bench.centre.greys] == ["no_answer", "not_paid"]
    assert card.state.balance_fen == 800


def test_a_wrong_mac2_is_no_revenue_but_evidence(bench: Bench) -> None:
    card = chip()
    result = bench.tap(Lying(card))
    assert (result.ok, result.reason.code) == (False, "false_card")
    assert bench.tap(Lying(card), 5).reason.code == "false_card"
    sender = bench.terminal.uploader
    assert sender is not None
    while sender.step(NOON + timedelta(hours=1)):
        pass
    assert not bench.centre.taps
    assert [grey.cause for grey in bench.centre.greys] == ["mac2", "mac2"]
    assert bench.centre.greys[0].to_dict()["tac"] != "00000000"


def test_a_purchase_the_journal_cannot_keep_is_not_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = chip()

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    monkeypatch.setattr("terminals.program.journal.Journal.has_room", lambda journal, behind: False)
    result = bench.tap(card)
    assert (result.ok, result.reason.code) == (False, "journal_full")
    assert (result.fare_fen, result.balance_fen, card.state.balance_fen) == (200, 1_000, 1_000)


def test_a_device_that_fails_after_the_debit_leaves_a_purchase_the_card_can_prove(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = chip()

    def fail(memory: Memory, record: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Memory, "finish", fail)
    assert bench.tap(card).reason.code == "unfinished"
    monkeypatch.undo()
    bench.restart()
    assert bench.tap(card, 60).reason.code == "recovered"
    assert card.state.balance_fen == 800


def test_a_tap_says_whether_its_time_can_be_believed(bench: Bench) -> None:
    assert bench.tap(chip()).clock == "unknown"
    bench.terminal.drift = Drift(timedelta(minutes=11))
    assert bench.tap(chip(), 60).to_dict()["clock"] == "suspect"
