"""Cards as real chips: the same plan played tap by tap through simulated chips, SAMs and the terminal program."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from accounts.models import Card, TopUpOrder
from citizencard.demo.city import City
from citizencard.demo.counter import Counter
from citizencard.demo.hardware import MemoryReaders, MemoryShelf
from citizencard.simulator.chance import Ints
from citizencard.simulator.faults import Fault
from citizencard.simulator.layout import STATIONS, Device
from citizencard.simulator.purses import OPENING_S
from citizencard.simulator.visits import DAY_S
from citizencard.simulator.world import PRODUCT, World, card_product
from terminals.card.errors import CardRemoved
from terminals.card.purse import PurseSession
from terminals.models import Tariff
from terminals.program.memory import Memory
from terminals.program.post import Post
from terminals.program.stops import NOWHERE
from terminals.program.terminal import Orders, Terminal
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.store import MemoryStore
from terminals.wire.record import TapRecord

_COPIES: Final = (Fault.CLONED, Fault.ROLLBACK)
_INS_DEBIT: Final = 0x54


class ChipsDiffer(Exception):
    """A chip or a terminal did not do what the plan has computed; names the tap."""


class Pulled(MemoryTransport):
    """A card that is taken away before it hears DEBIT."""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As `Transport.transmit`, up to DEBIT."""
        if apdu[1] == _INS_DEBIT:
            raise CardRemoved("the card was pulled")
        return super().transmit(apdu)


@dataclass
class RealCards:
    """One chip a person of the plan. `close` ends the terminals; the chips go with the object."""

    world: World
    city: City
    shelf: MemoryShelf
    pans: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open = ExitStack()
        self._cards: list[Card] = []
        self._counter = Counter(self.city, MemoryReaders(), self.shelf)
        self._copies: dict[tuple[int, int], MemoryStore] = {}
        self._records: dict[int, TapRecord] = {}
        taps = self.world.plan.taps
        copied = np.flatnonzero(np.isin(taps.fault, _COPIES))
        self._to_copy = set(zip(taps.card[copied].tolist(), taps.atc[copied].tolist(), strict=True))

    def sell(self) -> None:
        """Personalise SAMs and cards, one after another, and switch the terminals on."""
        card_product()
        opening = self.world.moment(OPENING_S)
        for terminal in self.world.terminals:
            self._counter.install_sam(terminal.code, terminal.terminal_no, opening)
        for _ in range(self.world.plan.wish.citizens):
            self._cards.append(self._counter.issue(PRODUCT, None, opening))
        self.pans = [card.pan for card in self._cards]
        self._terminals = self._switch_on()

    def top_up(self, day: int) -> None:
        """Nothing at once: chips are topped up between their taps."""

    def live(self, day: int) -> None:
        """All taps and top-ups of the day, in the order of time. Raises ChipsDiffer."""
        taps, loads = self.world.plan.taps, self.world.plan.top_ups
        today = np.flatnonzero(taps.at // DAY_S == day)
        money = np.flatnonzero(loads.at // DAY_S == day)
        events = [(int(loads.at[at]), 0, int(at)) for at in money]
        events += [(int(taps.at[at]), 1, int(at)) for at in today]
        for _, is_tap, at in sorted(events):
            if is_tap:
                self._tap(at)
            else:
                when = self.world.moment(int(loads.at[at]))
                card, cash = self._cards[loads.card[at]], TopUpOrder.Channel.CASH
                self._counter.top_up(card, int(loads.amount[at]), cash, when)

    def records(self, taps: Ints) -> list[TapRecord]:
        """As `Mint.records`: what the terminals' journals kept."""
        return [self._records[at] for at in taps.tolist()]

    def balances(self) -> Iterator[int]:
        """What the chips hold now, in fen."""
        for pan in self.pans:
            purse = PurseSession(MemoryTransport(self.shelf.card(pan)))
            purse.select()
            yield purse.balance_fen()

    def close(self) -> None:
        """Close the terminals' journals."""
        self._open.close()

    def _tap(self, at: int) -> None:
        plan = self.world.plan
        taps, tap = plan.taps, plan.taps.only(np.array([at]))
        card, atc, fault = int(tap.card[0]), int(tap.atc[0]), Fault(int(tap.fault[0]))
        if fault not in _COPIES and (card, atc) in self._to_copy:
            self._copies[card, atc] = copy.deepcopy(self.shelf.store(self.pans[card]))
        chip = Chip.load(self._copies[card, atc]) if fault in _COPIES else self.shelf.card(self.pans[card])
        reader = Pulled(chip) if fault is Fault.PULLED else MemoryTransport(chip)
        when = self.world.moment(int(plan.clock[at]))
        terminal = self._terminals[int(tap.device[0])]
        result = terminal.tap(
            reader, when=when, amount_fen=int(tap.amount[0]) or None, again=fault in _COPIES
        )
        if fault is Fault.PULLED:
            return
        record = result.record
        planned = tuple(int(column[at]) for column in (taps.seq, taps.atc, taps.amount, taps.balance))
        if record is None:
            raise ChipsDiffer(f"tap {at} of the plan ended with {result.reason.code}")
        made = (record.terminal_seq, record.atc, record.amount_fen, record.balance_fen)
        if made != planned:
            raise ChipsDiffer(
                f"tap {at}: sequence, counter, amount and balance are {made}, planned {planned}"
            )
        self._records[at] = record

    def _switch_on(self) -> list[Terminal]:
        journals = Path(self._open.enter_context(TemporaryDirectory(prefix="citizencard-journals-")))
        orders = {
            code: _orders(code) for code in {device.tariff for device in self.world.plan.layout.devices}
        }
        return [
            self._switch_on_one(device, orders[device.tariff], journals)
            for device in self.world.plan.layout.devices
        ]

    def _switch_on_one(self, device: Device, orders: Orders, journals: Path) -> Terminal:
        code = self.world.terminals[device.number].code
        memory = self._open.enter_context(closing(Memory.open(journals / code)))
        post = Post(
            line=f"L{device.line + 1}" if device.line >= 0 else "",
            role=device.role,
            stop=STATIONS[device.station] if device.station >= 0 else NOWHERE,
        )
        sam = MemoryTransport(self.shelf.sam(code))
        return Terminal(sam=sam, memory=memory, orders=orders, post=post)


def _orders(tariff_code: str) -> Orders:
    tariffs = Tariff.objects.filter(code=tariff_code).order_by("valid_from")
    versions = [
        {"valid_from": item.valid_from.isoformat(), "kind": item.kind, "rule": item.rule} for item in tariffs
    ]
    return Orders.parse({"tariffs": versions})
