"""Seven days without the centre, with power cuts at any byte: then everything goes up, and the ledger is what the chips say.

CITIZENCARD_TAPS_A_DAY makes the days of each terminal fuller; the run with 300 is done before a release.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone

from accounts.models import Card, Purse
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Tap
from terminals.program.chores import Chores
from terminals.program.errors import JournalError
from terminals.program.memory import Memory
from terminals.program.post import Meter
from terminals.program.terminal import Terminal
from terminals.readers.memory import MemoryTransport
from terminals.selectors.invariants import broken
from terminals.simulator.chip import Chip
from tests.terminals.chips import loaded_card, sam_for
from tests.terminals.program.device import Device
from tests.terminals.program.test_terminal import FLAT, METRO, PARKING

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
TAPS_A_DAY: Final = int(os.environ.get("CITIZENCARD_TAPS_A_DAY", "6"))
DAYS: Final = 7
CUTS: Final = 0.06
"""The share of taps in which the power goes."""
TAXI: Final = {
    "flag_fall_fen": 1_000, "flag_fall_m": 3_000, "stretches": [{"from_m": 3_000, "step_m": 500, "step_fen": 100}],
    "waiting": {"free_s": 300, "step_s": 300, "step_fen": 150}, "fuel_fen": 100,
    "rounding": {"unit_fen": 100, "mode": "half_up"},
}  # fmt: skip


class PowerCut(BaseException):
    """Nothing catches it, as nothing goes on after it."""


class Power:
    """Goes at the n-th thing done from now: a write to the disk, of which some bytes arrive, or a command to a chip."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.left, self.cuts = chance, -1, 0
        self._write = os.pwrite

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        if self._gone():
            self._write(descriptor, data[: self.chance.randrange(len(data) + 1)], offset)
            raise PowerCut
        return self._write(descriptor, data, offset)

    def card(self, chip: Chip) -> MemoryTransport:
        power = self

        class Slot(MemoryTransport):
            def transmit(self, apdu: bytes) -> tuple[bytes, int]:
                if power._gone():
                    if power.chance.random() < 0.5:
                        super().transmit(apdu)
                    raise PowerCut
                return super().transmit(apdu)

        return Slot(chip)

    @contextmanager
    def may_go(self) -> Iterator[None]:
        self.left = self.chance.randrange(16) if self.chance.random() < CUTS else -1
        yield
        self.left = -1

    def _gone(self) -> bool:
        self.left -= 1
        self.cuts += self.left == -1
        return self.left == -1


class Town:
    """Every terminal without a line, by one clock; people with cards hold them wherever they come by."""

    def __init__(
        self, devices: dict[str, Device], chips: list[Chip], chance: random.Random, power: Power
    ) -> None:
        self.devices, self.chips, self.chance, self.power = devices, chips, chance, power
        self.begun = self.now = timezone.now().replace(microsecond=0) - timedelta(days=DAYS + 1)
        self.houses = {name: self._house(device) for name, device in devices.items()}
        self.seen: dict[str, int] = {}

    def _house(self, device: Device) -> Chores:
        return Chores(
            device.terminal, device.client, device.news, device.folder, lambda: self.now, lambda _: None,
            chance=self.chance,
        )  # fmt: skip

    def day(self, number: int) -> None:
        self.now = self.begun + timedelta(days=number)
        people = list(range(len(self.chips)))
        for turn in range(TAPS_A_DAY):
            self.now += timedelta(minutes=self.chance.randint(0, 14 * 60 // TAPS_A_DAY))
            for name in ("bus", "shop", "taxi", "parking"):
                self.come(name, self.chips[self.chance.choice(people)])
            ride = self.chips[people[turn % len(people)]]
            self.come("in", ride)
            self.now += timedelta(minutes=self.chance.randint(1, max(1, 220 // TAPS_A_DAY)))
            if self.chance.random() < 0.9:
                self.come("out", ride)

    def come(self, name: str, chip: Chip) -> None:
        """A card is held there; when the power went meanwhile, again when the device is back."""
        self.now += timedelta(seconds=max(5, 600 // TAPS_A_DAY))
        try:
            with self.power.may_go():
                self._tap(name, self.power.card(chip))
                self.houses[name].step(self.now)
        except PowerCut:
            device = self.devices[name]
            device.restart()
            self.houses[name] = self._house(device)
            self.now += timedelta(seconds=40)
            self._tap(name, MemoryTransport(chip))

    def _tap(self, name: str, card: MemoryTransport) -> None:
        terminal = self.devices[name].terminal
        if name == "taxi":
            meter = Meter(
                self.chance.randrange(9_000), self.chance.randrange(900), self.now - timedelta(minutes=9)
            )
            terminal.quote(meter, when=self.now)
        amount_fen = self.chance.randrange(1, 900) if name == "shop" else None
        code = terminal.tap(card, when=self.now, amount_fen=amount_fen).reason.code
        self.seen[code] = self.seen.get(code, 0) + 1


def test_after_seven_days_alone_the_ledger_is_what_the_chips_say(
    install: Callable[..., Device], demo_keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(20261130)
    devices = {
        "bus": install("flat", FLAT, channel="bus", line="K1", line_no="00000001"),
        "in": install("pair", METRO, channel="metro", role="entry", stop="0101"),
        "out": install("pair", METRO, channel="metro", role="exit", stop="0103"),
        "parking": install("time", PARKING, channel="parking"),
        "shop": install("entered", {"max_fen": 100_000}, channel="shop"),
        "taxi": install("metered", TAXI, channel="taxi"),
    }
    holders = [loaded_card(demo_keys, 100_000) for _ in range(6)]
    power = Power(chance)
    monkeypatch.setattr(os, "pwrite", power.pwrite)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    for device in devices.values():
        device.line.down = True
    town = Town(devices, [chip for _, chip in holders], chance, power)
    for number in range(DAYS):
        town.day(number)
    assert not Tap.objects.exists()
    another_sam_is_refused(devices["bus"], demo_keys)
    bring_home(town)
    for card, chip in holders:
        assert Purse.objects.get(card=card).balance_fen == chip.state.balance_fen, card.pan
        assert purchases(card) == list(range(chip.state.offline_atc)), card.pan
    assert broken() == []
    assert power.cuts >= TAPS_A_DAY
    assert {"accepted", "entry", "recovered"} <= town.seen.keys()


def another_sam_is_refused(device: Device, keys: KeyStore) -> None:
    waiting = device.terminal.memory.state.unsent
    device.terminal.memory.close()
    memory = Memory.open(device.folder)
    with pytest.raises(JournalError, match="put the old SAM back"):
        Terminal(sam=sam_for(keys, "397000009999"), memory=memory)
    memory.close()
    device.terminal = Terminal(
        sam=device.sam, memory=Memory.open(device.folder), client=device.client, orders=device.terminal.orders,
        post=device.terminal.post,
    )  # fmt: skip
    assert device.terminal.memory.state.unsent == waiting > 0


def bring_home(town: Town) -> None:
    """The line is back: every device sends what it has, by itself."""
    for name, device in town.devices.items():
        device.line.down = False
        town.houses[name] = town._house(device)
    while any(device.terminal.memory.state.unsent for device in town.devices.values()):
        town.now += timedelta(minutes=1)
        for house in town.houses.values():
            house.step(town.now)
    for device in town.devices.values():
        state: Any = device.terminal.memory.state
        assert (state.unfinished, state.greys) == ({}, {})


def purchases(card: Card) -> list[int]:
    """The card's counters the centre has, in order."""
    return sorted(Tap.objects.filter(card_id=card.pk).values_list("atc", flat=True))
