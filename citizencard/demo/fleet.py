"""The demo's fleet: every terminal of the city with its SAM, its journal and its signed line to the centre."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.utils import timezone

from citizencard.demo.city import City
from citizencard.demo.counter import CLERK, sam_name
from citizencard.demo.hardware import ChipFactory, Readers
from citizencard.management.chips import terminal_key, terminal_news
from citizencard.management.enrolment import enrol
from terminals.card.sam import SamSession
from terminals.models import Terminal as RegisteredTerminal
from terminals.program.client import CentreClient
from terminals.program.memory import Memory
from terminals.program.news import News
from terminals.program.post import Post, Role
from terminals.program.result import TapResult
from terminals.program.stops import NOWHERE
from terminals.program.terminal import Terminal
from terminals.services.enrolment import issue_enrolment_code
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
        return CentreClient(self.base_url, code, terminal_key(code, self._key(code)))

    def enrol(self) -> None:
        """Devices that are none yet become terminals: by a code of the office, the SAM in them, and a key they make."""
        for described in self.city.plan["terminals"]:
            code = described["code"]
            if self._key(code).exists():
                continue
            with self.readers.sam(self.factory.sam(sam_name(code))) as sam:
                terminal_no = SamSession(sam).open().terminal_no.hex().upper()
            terminal = RegisteredTerminal.objects.get(code=code)
            enrol(
                code=code,
                key_file=self._key(code),
                url=self.base_url,
                one_time_code=issue_enrolment_code(terminal=terminal, actor=CLERK, reason="installed"),
                terminal_no=terminal_no,
            )

    def fetch_lists(self) -> None:
        """What every terminal does before it leaves the depot: fetch the centre's signed documents, and keep them."""
        for terminal in self.city.plan["terminals"]:
            self._fetch_lists(terminal["code"])

    def tap(self, code: str, pan: str, when: datetime, amount_fen: int | None) -> TapResult:
        """A holder taps; the terminal is on for that moment only, so what it knows is on its disk.

        Where there is a line, a terminal looks for a newer list first; a bus is out with the morning's.
        """
        if self._described(code)["device"].get("online"):
            self._fetch_lists(code)
        with self._device(code) as terminal, self.readers.card(self.factory.card(pan)) as card:
            return terminal.tap(card, when=when, amount_fen=amount_fen)

    def upload(self, when: datetime) -> None:
        """The end of the day: what is in the journals goes to the centre."""
        for described in self.city.plan["terminals"]:
            with self._device(described["code"]) as terminal:
                terminal.upload(when=when)

    def upload_again(self, code: str, record: TapRecord, when: datetime) -> dict[str, Any]:
        """The depot sends a record a second time, in a batch of its own."""
        return self.client(code).post_batch(f"{when:%Y%m%d}-depot-{record.terminal_seq}", [record])

    def upload_forged(self, code: str, record: TapRecord, when: datetime) -> dict[str, Any]:
        """Somebody inside the device makes up a purchase; the card's key to its TAC nobody outside has."""
        forged = replace(
            record,
            terminal_seq=record.terminal_seq + 1_000_000,
            atc=record.atc + 1,
            amount_fen=9_900,
            tac=FORGED_TAC,
        )
        return self.client(code).post_batch(f"{when:%Y%m%d}-forged-{forged.terminal_seq}", [forged])

    @contextlib.contextmanager
    def _device(self, code: str) -> Iterator[Terminal]:
        described = self._described(code)
        with (
            self.readers.sam(self.factory.sam(sam_name(code))) as sam,
            contextlib.closing(Memory.open(self.city.device(code))) as memory,
        ):
            orders, client = self._news(code).held(), self.client(code)
            device = described["device"]
            post = Post(
                channel=self._channel(described["merchant"]),
                line=device.get("line", ""),
                role=device.get("role", Role.BOTH),
                stop=device.get("station", NOWHERE),
            )
            online = device.get("online", False)
            yield Terminal(sam=sam, memory=memory, orders=orders, client=client, online=online, post=post)

    def _described(self, code: str) -> dict[str, Any]:
        return next(item for item in self.city.plan["terminals"] if item["code"] == code)

    def _key(self, code: str) -> Path:
        return self.city.device(code) / "key.pem"

    def _news(self, code: str) -> News:
        return terminal_news(code, self._key(code), self.city.device(code))

    def _fetch_lists(self, code: str) -> None:
        """Whatever day is played, documents are judged by the time that it is."""
        self._news(code).fetch(self.client(code), timezone.now())

    def _channel(self, merchant: str) -> str:
        """What kind of place a merchant's terminals stand at."""
        return next(str(item["channel"]) for item in self.city.plan["merchants"] if item["code"] == merchant)
