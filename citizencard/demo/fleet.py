"""The demo's fleet: every terminal of the city with its SAM, its journal and its signed line to the centre."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from citizencard.demo.city import City
from citizencard.demo.counter import sam_name
from citizencard.demo.hardware import ChipFactory, Readers
from terminals.program.client import CentreClient
from terminals.program.memory import Memory
from terminals.program.result import TapResult
from terminals.program.terminal import Orders, Terminal
from terminals.wire.record import TapRecord

FORGED_TAC: Final = "DEADBEEF"


@dataclass(frozen=True)
class Fleet:
    """The devices out in the city; the centre is at `base_url`."""

    city: City
    readers: Readers
    factory: ChipFactory
    base_url: str

    def client(self, code: str) -> CentreClient:
        """A terminal's own line, signed with its own key."""
        return CentreClient(self.base_url, code, self.city.key(code))

    def morning_orders(self) -> dict[str, Orders]:
        """What every terminal fetches before it leaves the depot: tariffs and hot list."""
        return {terminal["code"]: self._orders(terminal["code"]) for terminal in self.city.plan["terminals"]}

    def tap(self, code: str, orders: Orders, pan: str, when: datetime, amount_fen: int | None) -> TapResult:
        """A holder taps; the terminal is on for that moment only, so what it knows is in its journal."""
        with self._device(code, orders) as terminal, self.readers.card(self.factory.card(pan)) as card:
            return terminal.tap(card, when=when, amount_fen=amount_fen)

    def upload(self, code: str, orders: Orders, when: datetime) -> list[dict[str, Any]]:
        """The end of the day: what is in the journal goes to the centre."""
        with self._device(code, orders) as terminal:
            return terminal.upload(when=when)

    def upload_again(self, code: str, record: TapRecord, when: datetime) -> dict[str, Any]:
        """The depot sends a record a second time, in a batch of its own."""
        return self.client(code).post_batch(f"{when:%Y%m%d}-depot", [record])

    def upload_forged(self, code: str, record: TapRecord, when: datetime) -> dict[str, Any]:
        """Somebody inside the device makes up a purchase; the card's key to its TAC nobody outside has."""
        forged = replace(
            record,
            terminal_seq=record.terminal_seq + 1_000_000,
            atc=record.atc + 1,
            amount_fen=9_900,
            tac=FORGED_TAC,
        )
        return self.client(code).post_batch(f"{when:%Y%m%d}-forged", [forged])

    def _orders(self, code: str) -> Orders:
        client = self.client(code)
        return Orders.parse(client.parameters(), client.hot_list())

    @contextlib.contextmanager
    def _device(self, code: str, orders: Orders) -> Iterator[Terminal]:
        described = next(item for item in self.city.plan["terminals"] if item["code"] == code)
        with (
            self.readers.sam(self.factory.sam(sam_name(code))) as sam,
            contextlib.closing(Memory.open(self.city.device(code))) as memory,
        ):
            yield Terminal(
                sam=sam, memory=memory, orders=orders, client=self.client(code), **described["device"]
            )
