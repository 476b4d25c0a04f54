"""Readers and cards coming and going."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from terminals.readers.errors import NoService
from terminals.readers.events import ReaderChange, ReaderEvent, ReaderWatch, watch_readers
from terminals.simulator.chip import Chip
from terminals.simulator.vpcd import VpcdSlot

FIRST, SECOND = "Virtual PCD 00 00", "Virtual PCD 00 01"
WAIT_SECONDS = 10


@pytest.mark.pcsc
class TestWithService:
    @pytest.fixture
    def events(self, pcscd: None) -> Iterator[queue.Queue[ReaderEvent]]:
        seen: queue.Queue[ReaderEvent] = queue.Queue()
        with VpcdSlot(0) as self.slot, watch_readers() as watch:

            def follow() -> None:
                for event in watch:
                    seen.put(event)

            thread = threading.Thread(target=follow)
            thread.start()
            yield seen
            watch.cancel()
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive()

    def test_a_card_is_laid_down_and_taken_away(self, events: queue.Queue[ReaderEvent], chip: Chip) -> None:
        started = {events.get(timeout=WAIT_SECONDS) for _ in range(2)}
        assert started == {ReaderEvent(ReaderChange.READER_ADDED, name) for name in (FIRST, SECOND)}
        self.slot.insert(chip)
        assert events.get(timeout=WAIT_SECONDS) == ReaderEvent(ReaderChange.CARD_INSERTED, FIRST, chip.ATR)
        self.slot.remove()
        assert events.get(timeout=WAIT_SECONDS) == ReaderEvent(ReaderChange.CARD_REMOVED, FIRST)


class FakeService:
    """The watch's calls of PC/SC, answered from a script: what is listed, and the state of each reader."""

    def __init__(self, codes: SimpleNamespace) -> None:
        self.codes = codes
        self.looks: list[dict[str, tuple[int, list[int]]]] = []
        self.now: dict[str, tuple[int, list[int]]] = {}
        codes.SCardListReaders = lambda context, groups: (codes.SCARD_S_SUCCESS, list(self._next()))
        codes.SCardGetStatusChange = self._status
        codes.SCardCancel = lambda context: codes.SCARD_S_SUCCESS

    def _next(self) -> dict[str, tuple[int, list[int]]]:
        if self.looks:
            self.now = self.looks.pop(0)
        return self.now

    def _status(self, context: Any, step: int, asked: list[tuple[str, int]]) -> tuple[int, list[Any]]:
        told: list[tuple[str, int, list[int]]] = [("pnp", 0, [])]
        changed = False
        for name, known in asked[1:]:
            state, atr = self.now[name]
            differs = state != known
            changed |= differs
            told.append((name, state | (self.codes.SCARD_STATE_CHANGED if differs else 0), atr))
        return (self.codes.SCARD_S_SUCCESS if changed else self.codes.SCARD_E_TIMEOUT), told


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    from smartcard import scard

    codes = SimpleNamespace(**{name: getattr(scard, name) for name in dir(scard)})
    codes.SCardReleaseContext = lambda context: 0
    codes.SCardEstablishContext = lambda scope: (scard.SCARD_S_SUCCESS, 1)
    for module in ("service", "events"):
        monkeypatch.setattr(f"terminals.readers.{module}.scard", lambda: codes)
    return FakeService(codes)


def taken(watch: ReaderWatch, count: int) -> list[tuple[str, str, bytes]]:
    events = iter(watch)
    return [(event.change, event.reader, event.atr) for event in (next(events) for _ in range(count))]


def test_a_reader_unplugged_with_its_card(fake: FakeService) -> None:
    present = fake.codes.SCARD_STATE_PRESENT
    fake.looks = [{"A": (present | 1 << 16, [0x3B])}, {}]
    assert taken(watch_readers(), 4) == [
        ("reader added", "A", b""),
        ("card inserted", "A", b"\x3b"),
        ("card removed", "A", b""),
        ("reader removed", "A", b""),
    ]


def test_a_card_changed_between_two_looks_is_two_events(fake: FakeService) -> None:
    present = fake.codes.SCARD_STATE_PRESENT
    fake.looks = [{"A": (present | 1 << 16, [0x3B])}, {"A": (present | 3 << 16, [0x3F])}]
    assert taken(watch_readers(), 4)[2:] == [("card removed", "A", b""), ("card inserted", "A", b"\x3f")]


def test_use_by_somebody_is_no_event(fake: FakeService) -> None:
    present, inuse = fake.codes.SCARD_STATE_PRESENT, fake.codes.SCARD_STATE_INUSE
    fake.looks = [
        {"A": (present | 1 << 16, [0x3B])},
        {"A": (present | inuse | 1 << 16, [0x3B])},
        {"A": (0, [])},
    ]
    assert [change for change, _, _ in taken(watch_readers(), 3)] == [
        "reader added",
        "card inserted",
        "card removed",
    ]


def test_a_mute_card_has_no_atr(fake: FakeService) -> None:
    mute = fake.codes.SCARD_STATE_PRESENT | fake.codes.SCARD_STATE_MUTE
    fake.looks = [{"A": (mute, [])}]
    assert taken(watch_readers(), 2)[1] == ("card inserted", "A", b"")


def test_a_cancelled_watch_ends(fake: FakeService) -> None:
    with watch_readers() as watch:
        watch.cancel()
        assert list(watch) == []


def test_a_service_that_stops_ends_the_watch_with_an_error(fake: FakeService) -> None:
    fake.codes.SCardGetStatusChange = lambda *rest: (fake.codes.SCARD_F_COMM_ERROR, [])
    fake.looks = [{"A": (0, [])}]
    with pytest.raises(NoService):
        list(watch_readers())
