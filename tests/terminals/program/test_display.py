"""What the display shows: for every reason a terminal can give, nothing is missing, in Chinese and in English."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from terminals.card.errors import CardRemoved
from terminals.program.journal import Journal
from terminals.program.limits import Limits
from terminals.program.orders import NO_ORDERS
from terminals.program.outcomes import OUTCOMES
from terminals.program.post import Meter
from terminals.program.result import TapResult
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.wire.reasons import REASONS
from tests.terminals.cards import PIN
from tests.terminals.program.posts import DAY, NOON, STUDENT, City, Place, chip, city

Scene = Callable[[City], TapResult]
FIELDS = {
    "ok", "reason", "rule", "beep", "display", "card_no", "fare_fen", "full_fare_fen", "rules", "explanation",
    "balance_before_fen", "balance_fen", "centre", "clock", "record",
}  # fmt: skip
CARD_ELSEWHERE = {"too_late", "not_reversible", "given_back"}
"""Answers to the cashier: no card is there whose balance could be told."""
SCENES: dict[str, Scene] = {}
WITHOUT_RECORD = {"free_ride", "present_card", "reversed", "refunded", "balance", "nothing_waits"}
"""Outcomes that let through, or are good news, and charge nobody."""


def scene(code: str) -> Callable[[Scene], Scene]:
    def note(made: Scene) -> Scene:
        SCENES[code] = made
        return made

    return note


class Slot(MemoryTransport):
    """A chip with an answer of ours to one command, or taken away at it."""

    def __init__(
        self, held: Chip, at: bytes, answer: Callable[[tuple[bytes, int]], tuple[bytes, int]] | None
    ) -> None:
        super().__init__(held)
        self.at, self.answer = at, answer

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        told = super().transmit(apdu)
        if not apdu.startswith(self.at):
            return told
        if self.answer is None:
            raise CardRemoved("pulled")
        return self.answer(told)


DEBIT = b"\x80\x54"


def bus(town: City) -> Place:
    return town.place("bus", tariff="bus")


def ordered(place: Place, **changes: Any) -> Place:
    place.terminal.orders = replace(place.terminal.orders, **changes)
    return place


def at(place: Place, slot: MemoryTransport, minutes: float = 0) -> TapResult:
    return place.terminal.tap(slot, when=NOON + timedelta(minutes=minutes))


@scene("accepted")
def _(town: City) -> TapResult:
    return bus(town).tap(chip(STUDENT))


@scene("entry")
def _(town: City) -> TapResult:
    return town.place("metro", tariff="metro", role="entry", stop="0101").tap(chip())


@scene("retap")
def _(town: City) -> TapResult:
    place, card = bus(town), chip()
    place.tap(card)
    return place.tap(card)


@scene("unfinished")
def _(town: City) -> TapResult:
    return at(bus(town), Slot(chip(), DEBIT, None))


@scene("recovered")
def _(town: City) -> TapResult:
    place, card = bus(town), chip()
    at(place, Slot(card, DEBIT, None))
    return place.tap(card)


@scene("other_card")
def _(town: City) -> TapResult:
    place = bus(town)
    at(place, Slot(chip(), DEBIT, None))
    return place.tap(chip(number=2))


@scene("max_fare")
def _(town: City) -> TapResult:
    return town.place("metro", tariff="metro", role="exit", stop="0101").tap(chip())


@scene("incomplete")
def _(town: City) -> TapResult:
    card = chip()
    town.place("metro", tariff="metro", role="entry", stop="0101").tap(card)
    return town.place("metro", tariff="metro", role="entry", stop="0103").tap(card, 30)


@scene("no_entry")
def _(town: City) -> TapResult:
    return town.place("parking", tariff="parking", role="exit").tap(chip())


@scene("lost_entry")
def _(town: City) -> TapResult:
    return town.place("parking", tariff="parking", role="exit").tap(chip(), lost=True)


@scene("one_holder")
def _(town: City) -> TapResult:
    return town.place("metro", tariff="metro", role="entry", stop="0101").tap(chip(), again=True)


@scene("read_error")
def _(town: City) -> TapResult:
    return at(bus(town), Slot(chip(), b"", None))


@scene("not_a_card")
def _(town: City) -> TapResult:
    return at(bus(town), Slot(chip(), b"\x00\xa4", lambda _: (b"", 0x6A82)))


@scene("blocked")
def _(town: City) -> TapResult:
    return at(bus(town), Slot(chip(), b"\x00\xa4", lambda told: (told[0], 0x6283)))


@scene("expired")
def _(town: City) -> TapResult:
    return bus(town).tap(chip(), 25 * 366 * DAY)


@scene("listed")
def _(town: City) -> TapResult:
    card = chip()
    return ordered(bus(town), hot_list={f"31058837{101:011}": NOON}).tap(card)


@scene("false_card")
def _(town: City) -> TapResult:
    return at(bus(town), Slot(chip(), DEBIT, lambda told: (told[0][:-1] + bytes([told[0][-1] ^ 1]), told[1])))


@scene("insufficient")
def _(town: City) -> TapResult:
    return bus(town).tap(chip(balance_fen=1))


@scene("overdraft")
def _(town: City) -> TapResult:
    return ordered(bus(town), limits=Limits(overdraft_fen=0)).tap(chip(balance_fen=900, overdraft_fen=800))


@scene("over_single")
def _(town: City) -> TapResult:
    return ordered(bus(town), limits=Limits(single_fen=1)).tap(chip())


@scene("over_daily_count")
def _(town: City) -> TapResult:
    return ordered(bus(town), limits=Limits(offline_count=0)).tap(chip())


@scene("over_daily_sum")
def _(town: City) -> TapResult:
    return ordered(bus(town), limits=Limits(offline_sum_fen=1)).tap(chip())


@scene("no_tariff")
def _(town: City) -> TapResult:
    return town.place("bus", NO_ORDERS).tap(chip())


@scene("no_fare")
def _(town: City) -> TapResult:
    return town.place("shop", tariff="shop").tap(chip())


@scene("terminal_fault")
def _(town: City) -> TapResult:
    place = bus(town)
    place.sam.remove()
    return place.tap(chip())


@scene("journal_full")
def _(town: City) -> TapResult:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        place = bus(town)
        patch.setattr("os.posix_fallocate", full)
        patch.setattr(Journal, "has_room", lambda journal, behind: False)
        return place.tap(chip())


@scene("free_ride")
def _(town: City) -> TapResult:
    place = bus(town)
    place.terminal.memory.go_out(NOON, "printer")
    return place.tap(chip())


@scene("out_of_service")
def _(town: City) -> TapResult:
    place = town.place("shop", tariff="shop")
    place.terminal.memory.go_out(NOON, "printer")
    return place.tap(chip(), amount_fen=100)


@scene("suspended")
def _(town: City) -> TapResult:
    place = bus(town)
    place.terminal.memory.suspend(True)
    return place.tap(chip())


@scene("line_needed")
def _(town: City) -> TapResult:
    place = town.place("hospital", tariff="shop")
    place.centre.mood = lambda: "down"
    return place.tap(chip(), amount_fen=100)


@scene("card_not_here")
def _(town: City) -> TapResult:
    return town.place("metro", tariff="metro", role="entry", stop="0101").tap(chip(union=True))


@scene("real_name_only")
def _(town: City) -> TapResult:
    return town.place("bike", tariff="bike").tap(chip())


@scene("cover")
def _(town: City) -> TapResult:
    return town.place("bike", tariff="bike").tap(chip(STUDENT, 10))


@scene("not_confirmed")
def _(town: City) -> TapResult:
    return town.place("taxi", tariff="taxi").tap(chip())


@scene("present_card")
def _(town: City) -> TapResult:
    return town.place("taxi", tariff="taxi").terminal.quote(Meter(5_000, 0, NOON), when=NOON)


def sold(town: City, channel: str = "shop") -> tuple[Place, int]:
    place = town.place(channel, tariff=channel)
    record = place.tap(chip(), amount_fen=500).record
    assert record is not None
    return place, record.terminal_seq


@scene("reversed")
def _(town: City) -> TapResult:
    place, sequence = sold(town)
    return place.terminal.cancel(sequence, when=NOON)


@scene("refunded")
def _(town: City) -> TapResult:
    place, sequence = sold(town)
    return place.terminal.refund(sequence, 200, when=NOON + timedelta(days=30))


@scene("given_back")
def _(town: City) -> TapResult:
    place, sequence = sold(town)
    place.centre.documents["/reversals"] = lambda _: (409, b'{"status": 409, "code": "already_reversed"}')
    return place.terminal.cancel(sequence, when=NOON)


@scene("too_late")
def _(town: City) -> TapResult:
    place, sequence = sold(town)
    return place.terminal.cancel(sequence, when=NOON + timedelta(days=1))


@scene("not_reversible")
def _(town: City) -> TapResult:
    place, sequence = sold(town, "bus")
    return place.terminal.cancel(sequence, when=NOON)


@scene("unknown_purchase")
def _(town: City) -> TapResult:
    return bus(town).terminal.cancel(77, when=NOON)


def asked(town: City, pin: str = PIN) -> TapResult:
    place = bus(town)
    place.centre.documents["/inquiries"] = lambda _: (200, b'{"card_no": "", "waiting": []}')
    return place.terminal.load(MemoryTransport(chip()), when=NOON, pin=pin)


@scene("nothing_waits")
def _(town: City) -> TapResult:
    return asked(town)


@scene("wrong_pin")
def _(town: City) -> TapResult:
    return asked(town, "000000")


@scene("balance")
def _(town: City) -> TapResult:
    return bus(town).terminal.balance(MemoryTransport(chip()), when=NOON)


@scene("no_line")
def _(town: City) -> TapResult:
    return bus(town).terminal.load(MemoryTransport(chip()), when=NOON, pin=PIN)


@scene("load_failed")
def _(town: City) -> TapResult:
    place = bus(town)
    place.centre.documents["/inquiries"] = lambda _: (409, b'{"status": 409, "code": "card_not_active"}')
    return place.terminal.load(MemoryTransport(chip()), when=NOON, pin=PIN)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path) as made:
        yield made


def test_there_is_a_scene_for_every_reason_a_terminal_gives() -> None:
    elsewhere = {code for code in OUTCOMES if code.startswith("qr_")} | {"loaded"}
    assert OUTCOMES.keys() - elsewhere == SCENES.keys()
    assert OUTCOMES.keys() <= REASONS.keys()


@pytest.mark.parametrize("code", sorted(SCENES))
def test_nothing_is_missing(town: City, code: str) -> None:
    result = SCENES[code](town)
    shown = json.loads(json.dumps(result.to_dict()))
    assert shown["reason"]["code"] == code
    assert shown.keys() == FIELDS
    zh, en = shown["display"]
    assert zh.startswith(REASONS[code].zh)
    assert en.startswith(REASONS[code].en)
    assert zh != en
    assert (shown["rule"], shown["clock"]) == (OUTCOMES[code][0], "unknown")
    assert shown["beep"]
    assert all(length > 0 for length in shown["beep"])
    assert shown["ok"] is (shown["record"] is not None or code in WITHOUT_RECORD), shown
    if shown["full_fare_fen"]:
        assert all(shown["explanation"].values())
        assert shown["rules"]
        assert shown["fare_fen"] is not None
    if (
        code not in ("read_error", "not_a_card", "expired", "blocked")
        and shown["card_no"]
        and not shown["centre"]
    ):
        assert shown["balance_before_fen"] is not None or code in CARD_ELSEWHERE, shown
    if shown["record"]:
        assert shown["balance_before_fen"] == shown["balance_fen"] + shown["fare_fen"]
        assert all(shown[name] is not None for name in ("fare_fen", "balance_fen"))
