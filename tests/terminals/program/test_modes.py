"""Metro gates, car parks, bikes, tills: what each kind of place does with a card, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from terminals.card.errors import CardRemoved
from terminals.fares.errors import DocumentError
from terminals.program.channels import ANY, CHANNELS
from terminals.program.limits import Limits
from terminals.program.orders import Orders
from terminals.program.post import Meter
from terminals.readers.memory import MemoryTransport
from tests.terminals.program.fares import orders_of, published
from tests.terminals.program.posts import DAY, MARKS, NOON, STUDENT, City, Place, chip, city

PARKING = {"free_minutes": 15, "step_minutes": 60, "step_fen": 500, "cap_fen": 4_000}
TABLE = {
    #          sale               cancel refund offline limits                       receipt guard
    "bus": ("tap or journey", False, 0, True, {"single", "overdraft", "offline"}, "none", 30),
    "hospital": ("cashier", True, 180, False, {"single"}, "always", 30),
    "park": ("ticket", True, 0, True, {"single", "offline"}, "always", 30),
    "pharmacy": ("cashier", True, 0, True, {"single", "offline"}, "always", 30),
    "shop": ("cashier", True, 30, True, {"single", "offline"}, "asked", 30),
    "parking": ("journey", False, 0, True, {"single", "offline"}, "asked", 60),
    "bike": ("journey", False, 0, True, {"single", "offline"}, "none", 10),
    "taxi": ("meter", True, 0, True, {"single", "offline"}, "always", 60),
    "metro": ("journey", False, 0, True, {"single", "overdraft", "offline"}, "none", 10),
}
COLUMNS = ("sale", "cancel", "refund_days", "offline", "limits", "receipt", "guard_s")
TARIFFS = {"hospital": "shop", "pharmacy": "shop", "metro": "metro"}
STOPS = {"metro": {"role": "entry", "stop": "0101"}}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path) as made:
        yield made


def at(town: City, channel: str, **more: Any) -> Place:
    """A terminal of the channel with its sample tariff, and the centre's line up."""
    tariff = TARIFFS.get(channel, channel)
    orders = published(tariff, marks=MARKS, **more)
    place = town.place(channel, orders, **STOPS.get(channel, {}))
    place.centre.documents["/terminal"] = lambda _: (200, b'{"state": "active"}')
    return place


def sell(place: Place, minutes: float = 0, card: Any = None, amount_fen: int = 500) -> Any:
    """What a sale is there."""
    if place.terminal.post.channel == "taxi":
        place.terminal.quote(Meter(1_000, 0, NOON), when=NOON)
    entered = amount_fen if CHANNELS[place.terminal.post.channel].sale == "cashier" else None
    return place.tap(card or chip(STUDENT), minutes, amount_fen=entered)


def test_the_table_is_the_one_that_is_written_down() -> None:
    assert CHANNELS.keys() == TABLE.keys()
    for channel, row in TABLE.items():
        assert tuple(getattr(CHANNELS[channel], name) for name in COLUMNS) == row, channel
    page = Path("docs/terminal.md").read_text("utf-8")
    for channel, (sale, cancel, refund, offline, limits, receipt, guard) in TABLE.items():
        words = [
            f"`{channel}`", sale, "yes" if cancel else "no", f"{refund} days" if refund else "no",
            "yes" if offline else "no", ", ".join(sorted(limits)), receipt, f"{guard} s",
        ]  # fmt: skip
        assert f"| {' | '.join(words)} |" in page, words


@pytest.mark.parametrize("channel", TABLE)
def test_each_place_sells_and_guards_its_seconds(town: City, channel: str) -> None:
    place, card = at(town, channel), chip(STUDENT)
    guard_s = TABLE[channel][6]
    assert sell(place, 0, card).ok
    left = card.state.balance_fen
    again = sell(place, guard_s / 60, card)
    assert (again.reason.code, again.ok, card.state.balance_fen) == ("retap", True, left)
    assert sell(place, (guard_s + 1) / 60, card).reason.code in ("accepted", "entry")


@pytest.mark.parametrize("channel", TABLE)
def test_without_a_line_each_place_sells_or_does_not(town: City, channel: str) -> None:
    place, card = at(town, channel), chip(STUDENT)
    place.centre.mood = lambda: "down"
    result = sell(place, 0, card)
    assert result.ok is TABLE[channel][3]
    if not result.ok:
        assert (result.reason.code, result.fare_fen, card.state.balance_fen) == ("line_needed", 500, 5_000)


@pytest.mark.parametrize("channel", TABLE)
def test_the_limits_that_bind_are_the_tables(town: City, channel: str) -> None:
    place = at(town, channel)
    bound = place.terminal.channel.bounds(Limits(1, 2, 3, 4))
    limits = TABLE[channel][4]
    assert bound.single_fen == (1 if "single" in limits else None)
    assert (bound.offline_count, bound.offline_sum_fen) == ((2, 3) if "offline" in limits else (None, None))
    assert bound.overdraft_fen == (4 if "overdraft" in limits else 0)


def test_the_centre_changes_rules_of_a_channel_and_names_what_is_wrong() -> None:
    orders = published("shop", channels={"shop": {"refund_days": 7, "offline": False}, "bus": {"guard_s": 5}})
    assert (orders.channel("shop").refund_days, orders.channel("shop").offline) == (7, False)
    assert (orders.channel("bus").guard_s, orders.channel("nowhere")) == (5, ANY)
    for wrong, field in (
        ({"ferry": {}}, "ferry"), ({"shop": {"refund": 7}}, "shop.refund"), ({"bus": {"guard_s": 601}}, "bus.guard_s"),
        ({"shop": {"cancel": 1}}, "shop.cancel"), ({"taxi": {"receipt": "paper"}}, "taxi.receipt"),
    ):  # fmt: skip
        with pytest.raises(DocumentError) as caught:
            published("shop", channels=wrong)
        assert caught.value.field == f"channels.{field}"


def test_the_centres_guard_holds_for_all_and_a_channels_own_before_it() -> None:
    orders = published("bus", guard_s=45, channels={"metro": {"guard_s": 5}})
    assert [orders.channel(code).guard_s for code in ("bus", "metro", "")] == [45, 5, 45]
    assert published("bus", guard_s=3_600).channel("bus").guard_s == 600
    with pytest.raises(DocumentError, match="upload_s"):
        published("bus", upload_s=-1)


def gates(town: City, tariff: str = "metro") -> dict[tuple[str, str], Place]:
    return {
        (role, stop): town.place("metro", tariff=tariff, role=role, stop=stop)
        for role in ("entry", "exit")
        for stop in ("0101", "0103", "0104")
    }


def test_a_trip_without_exit_is_completed_by_the_next_entry_elsewhere(town: City) -> None:
    metro, card = gates(town), chip()
    metro["entry", "0101"].tap(card)
    again = metro["entry", "0103"].tap(card, 60)
    assert (again.ok, again.reason.code, again.fare_fen) == (True, "incomplete", 300)
    assert again.explained.en == "completed by the card's next or last tap: 东海 to 西湖 3.00; to pay 3.00"
    assert again.record
    assert again.record.trip == "in:0103"
    out = metro["exit", "0104"].tap(card, 90)
    assert (out.fare_fen, card.state.balance_fen) == (200, 5_000 - 300 - 200)


def test_a_trip_without_exit_is_held_at_the_highest_fare_when_nothing_tells_where_it_ended(
    town: City,
) -> None:
    metro, card = gates(town), chip()
    metro["entry", "0101"].tap(card)
    again = metro["entry", "0101"].tap(card, 181)
    assert (again.reason.code, again.fare_fen, again.explained.rules) == ("incomplete", 500, ("metro",))
    trip = card.state.trips[1]
    assert int.from_bytes(trip[42:46]) == 500, "the card itself says what its trip is held at"


@pytest.mark.parametrize(("minutes", "fare_fen"), [(20, 0), (21, 500)])
def test_whoever_enters_at_the_same_stop_again_soon_is_still_at_the_beginning(
    town: City, minutes: int, fare_fen: int
) -> None:
    metro, card = gates(town), chip()
    metro["entry", "0101"].tap(card)
    assert metro["entry", "0101"].tap(card, minutes).fare_fen == fare_fen


def test_an_old_trip_is_the_operators_loss(town: City) -> None:
    metro, card = gates(town), chip()
    metro["entry", "0101"].tap(card)
    assert metro["entry", "0103"].tap(card, 30 * DAY + 1).fare_fen == 0
    assert metro["exit", "0104"].tap(card, 30 * DAY + 20).fare_fen == 200


def test_a_trip_in_another_city_is_not_pursued_here(town: City) -> None:
    metro, card = gates(town), chip()
    town.place("metro", tariff="ring", role="entry", stop="4").tap(card)
    assert metro["entry", "0101"].tap(card, 10).reason.code == "entry"


def test_an_exit_without_entry_is_completed_by_the_last_exit_or_held(town: City) -> None:
    metro, card = gates(town), chip()
    held = metro["exit", "0103"].tap(card)
    assert (held.reason.code, held.fare_fen, held.record and held.record.trip) == (
        "max_fare",
        500,
        "out:0103:?:?",
    )
    near = metro["exit", "0104"].tap(card, 60)
    assert (near.reason.code, near.fare_fen, near.record and near.record.place) == (
        "accepted",
        200,
        "西湖→清源山",
    )


def test_two_people_cannot_share_a_trip(town: City) -> None:
    metro, card = gates(town), chip()
    assert metro["entry", "0101"].tap(card, again=True).reason.code == "one_holder"


def test_on_the_bus_one_card_pays_for_two_when_its_holder_says_so(town: City) -> None:
    bus, card = town.place("bus", tariff="bus"), chip()
    codes = [bus.tap(card, again=again).reason.code for again in (False, False, True)]
    assert (codes, card.state.balance_fen) == (["accepted", "retap", "accepted"], 4_600)


def test_a_car_that_lost_its_entry_is_charged_the_highest_only_on_the_attendants_word(town: City) -> None:
    barrier, card = town.place("parking", tariff="parking", role="exit"), chip()
    assert barrier.tap(card).reason.code == "no_entry"
    lost = barrier.tap(card, 1, lost=True)
    assert (lost.reason.code, lost.fare_fen) == ("lost_entry", 4_000)


def test_a_car_whose_exit_was_lost_pays_a_day_at_its_next_entry(town: City) -> None:
    barrier, card = town.place("parking", tariff="parking", role="entry"), chip()
    barrier.tap(card)
    result = barrier.tap(card, 3 * DAY)
    assert (result.reason.code, result.fare_fen) == ("incomplete", 4_000)


def test_a_stay_is_paid_by_its_time(town: City) -> None:
    barrier, card = town.place("parking", tariff="parking"), chip()
    barrier.tap(card)
    out = barrier.tap(card, 100)
    assert (out.fare_fen, out.record and out.record.trip) == (1_000, "out:0:0:20260302120000")


def test_a_bike_is_for_real_names_who_can_pay_the_highest_charge(town: City) -> None:
    dock = town.place("bike", tariff="bike")
    assert dock.tap(chip()).reason.code == "real_name_only"
    poor = dock.tap(chip(STUDENT, 999))
    assert (poor.reason.code, poor.fare_fen, poor.balance_fen) == ("cover", 1_000, 999)
    card = chip(STUDENT, 1_000)
    assert dock.tap(card).reason.code == "entry"
    assert dock.tap(card, 65).fare_fen == 300


def test_a_card_without_trips_pays_on_the_bus_and_not_at_a_gate(town: City) -> None:
    card = chip(union=True)
    assert town.place("bus", tariff="bus").tap(card).fare_fen == 200
    assert (
        town.place("metro", tariff="metro", role="entry", stop="0101").tap(card).reason.code
        == "card_not_here"
    )


class Torn(MemoryTransport):
    """The card is taken away at DEBIT, before the chip hears of it or before it has answered."""

    def __init__(self, held: Any, *, after: bool) -> None:
        super().__init__(held)
        self.after = after

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        if apdu[:2] != b"\x80\x54":
            return super().transmit(apdu)
        if self.after:
            super().transmit(apdu)
        raise CardRemoved("pulled")


@pytest.mark.parametrize(("after", "reason"), [(False, "accepted"), (True, "recovered")])
def test_a_first_tap_the_card_does_not_know_of_is_charged_and_one_it_knows_of_is_not(
    town: City, after: bool, reason: str
) -> None:
    bus, card = town.place("bus", tariff="bus"), chip()
    first = bus.terminal.tap(Torn(card, after=after), when=NOON)
    assert first.reason.code == "unfinished"
    assert bus.tap(card, 0.1).reason.code == reason
    assert bus.tap(card, 0.2).reason.code == "retap"
    assert card.state.balance_fen == 4_800


def test_a_card_remembers_a_terminal_whose_journal_was_lost_and_has_to_prove_itself(town: City) -> None:
    bus, card = town.place("bus", tariff="bus"), chip()
    bus.tap(card)
    bus.terminal.memory.state.recent.clear()
    result = bus.tap(card, 0.4)
    assert (result.ok, result.reason.code, result.fare_fen, card.state.balance_fen) == (
        True,
        "retap",
        0,
        4_800,
    )
    assert result.record
    assert result.record.amount_fen == 0


@pytest.mark.parametrize("channel", TABLE)
def test_out_of_service_people_pass_or_nothing_is_sold_and_nobody_is_billed_later(
    town: City, channel: str
) -> None:
    place, card = at(town, channel), chip(STUDENT)
    memory = place.terminal.memory
    memory.go_out(NOON, "printer")
    results = [sell(place, minutes, card) for minutes in (1, 2, 3)]
    free = CHANNELS[channel].free_when_out
    assert {result.reason.code for result in results} == {"free_ride" if free else "out_of_service"}
    assert all(result.ok is free for result in results)
    assert (card.state.balance_fen, memory.state.waiting) == (5_000, 0)
    memory.go_in(NOON + timedelta(hours=1))
    told = [(event["kind"], event.get("times")) for event in memory.state.standing.events.values()]
    rides = [("free_ride", 3)] if free else []
    assert told == [("out_of_service", None), *rides, ("in_service", None)]
    assert sell(place, 61, card).ok


def test_a_suspended_terminal_takes_nothing(town: City) -> None:
    bus = town.place("bus", tariff="bus")
    bus.terminal.memory.suspend(True)
    assert bus.tap(chip()).reason.code == "suspended"
    bus.terminal.memory.suspend(False)
    assert bus.tap(chip()).ok


def test_orders_have_no_field_the_program_forgets() -> None:
    assert {field.name for field in fields(Orders)} == {
        "book", "tariff", "hot_list", "limits", "marks", "passes", "channels", "rhythm", "ride_keys",
    }  # fmt: skip
    assert orders_of("time", **PARKING).tariff == "own"
