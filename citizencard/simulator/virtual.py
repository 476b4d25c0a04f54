"""Cards as rows of arrays: what their chips would answer, computed for thousands at once with the demonstration keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accounts.services.cards import draw_pans
from citizencard.core.keyservice.keystore import KeyStore, Usage, load_demo_keys
from citizencard.simulator.bulk import Load, issue_cards, load_cards
from citizencard.simulator.chance import Ints
from citizencard.simulator.purses import OPENING_S
from citizencard.simulator.trips import Places
from citizencard.simulator.visits import DAY_S
from citizencard.simulator.world import ACTOR, World, card_product
from terminals.card.bulk.macs import Octets, des_macs
from terminals.card.crypto import CHINA, TransactionType, diversify, encrypt_ecb, load_tac
from terminals.services.acceptance.packing import pack_tac_records
from terminals.wire.columns import ROW
from terminals.wire.record import TapRecord

KEY_VERSION: Final = 1
COUNTER_NO: Final = "397000000001"
"""The terminal number of the service hall's counter."""
_COVERED: Final = slice(9, 31)
"""What a purchase TAC is made over, in a packed record."""


class VirtualCards:
    """One card a person of the plan, in the order of their card numbers, which `sell` draws."""

    def __init__(self, world: World, keys_file: Path) -> None:
        """Read the demonstration keys; KeyFileError in production."""
        self._world = world
        self._master = tac_master(load_demo_keys(keys_file, environment="demo"))
        self._places = Places(world.plan, self._midnight)
        self.pans: list[str] = []
        self._keys8: Octets = np.empty((0, 8), np.uint8)

    def sell(self) -> None:
        """Bring the cards into being, all at once."""
        plan = self._world.plan
        self.pans = draw_pans(plan.wish.citizens)
        opening = self._world.moment(OPENING_S)
        issue_cards(
            product=card_product(),
            pans=self.pans,
            day=plan.first,
            at=opening,
            actor=ACTOR,
            key_version=KEY_VERSION,
        )
        self._keys8 = tac_keys(self._master, self.pans)

    def top_up(self, day: int) -> None:
        """Post the day's top-ups, each with the TAC that the chip gives for it."""
        loads = self._world.plan.top_ups
        chosen = np.flatnonzero(loads.at // DAY_S == day)
        date = self._world.moment(day * DAY_S).date()
        key = f"sim:{self._world.run}:topups:{date}"
        load_cards(key=key, day=date, loads=self._loads(chosen), actor=ACTOR, terminal_no=COUNTER_NO)

    def live(self, day: int) -> None:
        """Nothing happens to a virtual card before its records are asked for."""

    def records(self, taps: Ints) -> list[TapRecord]:
        """As `Mint.records`."""
        return list(self._written(taps))

    def _loads(self, chosen: Ints) -> Iterator[Load]:
        loads, terminal_no6 = self._world.plan.top_ups, bytes.fromhex(COUNTER_NO)
        for at in chosen.tolist():
            pan, when = self.pans[loads.card[at]], self._world.moment(int(loads.at[at]))
            atc, before, amount = (
                int(column[at]) for column in (loads.online_atc, loads.before, loads.amount)
            )
            key16 = diversify(self._master, bytes.fromhex(pan[-16:]))
            tac = load_tac(key16, before + amount, atc, amount, TransactionType.LOAD, terminal_no6, when)
            yield Load(pan, when, amount, atc, before, tac)

    def _written(self, chosen: Ints) -> Iterator[TapRecord]:
        plan = self._world.plan
        taps, clock = plan.taps.only(chosen), plan.clock[chosen] + self._midnight
        numbers = [self._world.terminals[device].terminal_no for device in taps.device.tolist()]
        columns = (
            numbers, self._tacs(chosen, numbers), clock, taps.seq, taps.card, taps.atc, taps.kind, taps.amount, taps.balance,
            chosen,
        )  # fmt: skip
        for number, tac, when, seq, card, atc, kind, amount, balance, tap in zip(
            *(column if isinstance(column, list) else column.tolist() for column in columns), strict=True
        ):
            yield TapRecord(
                number, seq, self.pans[card], atc, kind, amount, balance, datetime.fromtimestamp(when, CHINA),
                f"{tac:08X}", KEY_VERSION, self._places.place(tap), self._places.trip(tap),
            )  # fmt: skip

    @property
    def _midnight(self) -> int:
        return int(self._world.moment(0).timestamp())

    def _tacs(self, chosen: Ints, numbers: Sequence[str]) -> NDArray[np.uint32]:
        taps = self._world.plan.taps.only(chosen)
        rows = np.zeros(len(chosen), ROW)
        rows["terminal_no"] = [int(number, 16) for number in numbers]
        rows["card_no"] = [self.pans[card] for card in taps.card.tolist()]
        rows["occurred_at"] = self._world.plan.clock[chosen] + self._midnight
        rows["key_version"] = KEY_VERSION
        for name, values in (("terminal_seq", taps.seq), ("type", taps.kind), ("amount_fen", taps.amount)):
            rows[name] = values
        packed = np.frombuffer(pack_tac_records(rows), np.uint8).reshape(len(rows), -1)
        macs = des_macs(self._keys8[taps.card], np.ascontiguousarray(packed[:, _COVERED]))
        return macs.view(">u4")[:, 0].astype(np.uint32)


def tac_master(keys: KeyStore) -> bytes:
    """The TAC master at the issuer's level."""
    return diversify(keys.master(Usage.TAC, KEY_VERSION), keys.issuer_factor8)


def tac_keys(master16: bytes, pans: Sequence[str]) -> Octets:
    """Each card's 8-byte TAC key, derived for all of them in one pass."""
    serials = np.frombuffer(bytes.fromhex("".join(pan[-16:] for pan in pans)), ">u8")
    factors = np.stack((serials, ~serials), axis=1).astype(">u8")
    left, right = np.frombuffer(encrypt_ecb(master16, factors.tobytes()), ">u8").reshape(-1, 2).T
    keys8: Octets = (left ^ right).astype(">u8").view(np.uint8).reshape(-1, 8)
    return keys8
