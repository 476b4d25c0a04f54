"""Between taps: lists, clock, heartbeat and events come and go with the line, and never break anything."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from terminals.program.chores import Chores
from terminals.program.client import CentreClient
from terminals.program.config import Schedule
from terminals.program.news import News
from terminals.program.upload import Uploader
from tests.terminals.program.posts import NOON, City, Place, chip, city
from tests.terminals.program.publishing import Publishes, publishing
from tests.terminals.wire.test_lists import CENTRE

NUMBER = "31058837" + f"{101:011}"


class House:
    """A bus that keeps house by a clock of ours."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.now = NOON
        self.place, self.folder, self.said = place, folder, list[str]()
        self.centre, self.published = publishing(lambda: self.now)
        self.client: CentreClient = self.centre.client()
        place.terminal.uploader = None
        self.start()

    def start(self) -> None:
        terminal, news = self.place.terminal, News.open(self.folder, CENTRE.public_key)
        terminal.orders = news.held()
        self.chores = Chores(
            terminal, self.client, news, self.folder, lambda: self.now, self.said.append, Schedule(), random.Random(1)
        )  # fmt: skip

    def live(self, minutes: float, every_s: int = 20) -> int:
        """So many minutes pass; how many things were done."""
        end, done = self.now + timedelta(minutes=minutes), 0
        while self.now < end:
            self.now += timedelta(seconds=every_s)
            done += self.chores.step(self.now)
        return done


@pytest.fixture
def town(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path) as made:
        yield made


@pytest.fixture
def house(town: City, tmp_path: Path) -> House:
    return House(town.place("bus", tariff="bus", line="1", line_no="00000001"), tmp_path)


def test_everything_is_fetched_kept_and_used_without_the_centre(house: House) -> None:
    terminal = house.place.terminal
    assert house.place.tap(chip()).reason.code == "no_tariff"
    house.live(3)
    assert house.place.tap(chip()).fare_fen == 200
    house.centre.mood = lambda: "down"
    house.start()
    house.live(7 * 1_440, every_s=3_600)
    assert house.place.tap(chip(2, number=2), 8).fare_fen == 150
    assert terminal.orders.tariff == "bus"


def test_a_card_reported_lost_is_refused_once_the_heartbeat_tells_of_a_newer_list(house: House) -> None:
    house.live(6)
    house.published.list_cards({NUMBER: NOON})
    assert house.place.tap(chip(), 6).ok
    house.live(6)
    assert house.place.tap(chip(), 12).reason.code == "listed"
    assert house.published.heartbeats[-1]["hot_list_version"] == 1
    house.live(6)
    assert house.published.heartbeats[-1]["hot_list_version"] == 2


def test_a_heartbeat_tells_what_is_applied_and_what_waits(house: House) -> None:
    house.live(6)
    house.place.tap(chip())
    house.live(6)
    beat = house.published.heartbeats[-1]
    assert (beat["tariff_version"], beat["parameter_version"], beat["waiting_records"]) == ("1", "1", 1)
    assert beat["free_bytes"] > 0
    assert beat.keys() == {
        "clock", "firmware", "sam_key_version", "parameter_version", "tariff_version", "hot_list_version", "free_bytes",
        "waiting_records",
    }  # fmt: skip


def test_the_centre_sets_the_rhythm(house: House) -> None:
    house.published.put("parameters", {"heartbeat_s": 60, "list_s": 60, "upload_s": 600})
    house.live(6)
    house.published.heartbeats.clear()
    house.live(30)
    assert 28 <= len(house.published.heartbeats) <= 36


def test_an_upload_waits_for_its_time_unless_a_batch_was_broken_off(house: House) -> None:
    sender = Uploader(house.place.terminal.memory, house.client, house.place.terminal.lock)
    house.live(3)
    ten = timedelta(minutes=10)
    taps = [house.place.tap(chip(number=number), number) for number in (5, 6, 7)]
    assert all(tap.ok for tap in taps)
    assert sender.step(NOON + timedelta(minutes=8), ten)
    house.place.tap(chip(number=9), 9)
    assert not sender.step(NOON + timedelta(minutes=17), ten)
    house.centre.mood = lambda: "lost"
    assert not sender.step(NOON + timedelta(minutes=18), ten)
    house.centre.mood = lambda: "ok"
    assert sender.step(NOON + timedelta(minutes=19), ten)


def test_the_centre_suspends_a_terminal_and_a_restart_changes_nothing(house: House) -> None:
    house.live(6)
    house.published.state = "suspended"
    house.live(6)
    assert house.place.tap(chip()).reason.code == "suspended"
    assert house.place.terminal.memory.state.standing.suspended
    house.published.state = "active"
    house.live(6)
    assert house.place.tap(chip()).ok


@pytest.mark.parametrize(("seconds", "state"), [(0, "right"), (61, "warning"), (-601, "suspect")])
def test_the_clock_is_measured_by_the_signed_time_and_every_tap_says_so(
    house: House, seconds: int, state: str
) -> None:
    house.published.ahead = timedelta(seconds=seconds)
    house.live(3)
    assert house.place.tap(chip()).to_dict()["clock"] == state
    told = [sentence for sentence in house.said if sentence.startswith("clock: ")]
    assert told == ([] if state == "right" else [f"clock: {state}, the centre's shows {seconds:+} s"])


def test_rides_that_were_free_are_told_once_and_charged_to_nobody(house: House) -> None:
    house.live(3)
    memory = house.place.terminal.memory
    memory.go_out(house.now, "reader broken")
    for _ in range(31):
        assert house.place.tap(chip()).reason.code == "free_ride"
    house.live(3)
    memory.go_in(house.now)
    house.live(3)
    told = [
        (event["kind"], event.get("times"), event.get("detail")) for event in house.centre.events.values()
    ]
    assert told == [
        ("out_of_service", None, "reader broken"),
        ("free_ride", 31, None),
        ("in_service", None, None),
    ]
    assert not memory.state.standing.events
    assert not memory.state.waiting


def test_an_answer_that_was_lost_is_told_again_and_is_the_same(house: House) -> None:
    house.place.terminal.memory.tell("tamper", NOON, detail="case opened")
    house.centre.mood = lambda: "lost"
    house.live(3)
    house.centre.mood = lambda: "ok"
    house.live(6)
    assert [event["kind"] for event in house.centre.events.values()] == ["tamper"]
    assert not house.place.terminal.memory.state.standing.events


@pytest.mark.parametrize("mood", ["down", "busy", "refuse", "lost"])
def test_a_bad_line_is_asked_less_and_less_and_says_so_once(house: House, mood: str) -> None:
    house.centre.mood = lambda: mood
    assert house.live(8 * 60, every_s=60) == 0
    asked = house.centre.requests
    assert asked < 240, asked
    assert len(house.said) == len({sentence.split(":")[0] for sentence in house.said}) <= 4
    house.centre.mood = lambda: "ok"
    house.live(70)
    assert house.place.tap(chip()).ok


def test_a_centre_without_documents_leaves_a_signed_terminal_as_it_is(house: House) -> None:
    house.live(3)
    house.centre.documents = {}
    house.live(120)
    assert house.place.tap(chip()).ok


def test_a_forged_list_is_not_taken_and_the_others_are(house: House) -> None:
    house.live(3)
    house.published.versions["hot_list"].append(b"x" * 400)
    house.published.put("parameters", {"limits": {"single_fen": 100}})
    house.live(20)
    assert house.place.tap(chip()).reason.code == "over_single"
    assert [sentence.split(":")[0] for sentence in house.said] == ["lists"]


def test_published_documents_of_the_tests_are_what_terminals_read() -> None:
    published = Publishes(lambda: NOON)
    assert published.versions.keys() == {"hot_list", "parameters", "tariffs"}
