"""A key service's custody inside the test's own process: three custodians, a clock and a calendar to turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from citizencard.core.keyservice import custodians
from citizencard.core.keyservice.backend import KeyRing
from citizencard.core.keyservice.ceremonies import Ceremonies
from citizencard.core.keyservice.custody import Custody
from citizencard.core.keyservice.keystore import Algorithm, Master, Usage, algorithms_of
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.places import MemoryPlace, Place
from citizencard.core.keyservice.protocol import Opcode, to_json
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card import crypto

NAMES = ("zhang", "li", "wang")
FACTOR = bytes.fromhex("C1D9D6DDC1D9D6DD")


@pytest.fixture
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases hashed with hardly any work."""
    monkeypatch.setattr(custodians, "COST", {"n": 2, "r": 1, "p": 1})


def refusal_of(act: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value


class Office:
    """One service on a state directory; `again` is another one on the same."""

    def __init__(self, folder: Path, place: Place | None = None, *, day: date = date(2026, 11, 21)) -> None:
        self.folder = folder
        self.seconds = 0.0
        self.day = day
        self.place = place or MemoryPlace()
        self.ring = KeyRing()
        self.custody = Custody(folder, self.ring, self.place, today=lambda: self.day)
        self.ceremonies = Ceremonies(self.custody, clock=lambda: self.seconds)
        self.shares: dict[str, str] = {}

    def again(self, place: Place | None = None) -> Office:
        other = Office(self.folder, place, day=self.day)
        other.shares = self.shares
        return other

    def ask(self, opcode: Opcode, who: str | None = None, **fields: Any) -> dict[str, Any]:
        if who is not None:
            fields = {"custodian": who, "passphrase": passphrase(who)} | fields
        answer: dict[str, Any] = json.loads(self.ceremonies.answer(opcode, to_json(fields)))
        return answer

    def begin(self, names: Sequence[str] = NAMES) -> Office:
        people = {name: passphrase(name) for name in names}
        self.ask(Opcode.BEGIN_CUSTODY, custodians=people, issuer_factor=FACTOR)
        self.shares = {name: self.ask(Opcode.TAKE_SHARE, name)["value"] for name in names}
        return self

    def unseal(self, *names: str) -> Office:
        for name in names or NAMES[:2]:
            self.ask(Opcode.UNSEAL, name, share=self.shares[name])
        return self

    def enter(self, usage: Usage, version: int, *components: bytes, **fields: Any) -> dict[str, Any]:
        """All components with right check values, not confirmed yet."""
        progress: dict[str, Any] = {}
        for name, component in zip(NAMES, components, strict=False):
            progress = self.enter_one(name, usage, version, component, **fields)
        return progress

    def enter_one(
        self, name: str, usage: Usage, version: int, component: bytes, **fields: Any
    ) -> dict[str, Any]:
        algorithm = fields.pop("algorithm", algorithms_of(usage)[0])
        if "kcv" not in fields:
            fields["kcv"] = kcv(algorithm, component)
        fields = {"exportable": 0, "algorithm": algorithm} | fields
        return self.ask(
            Opcode.ENTER_COMPONENT, name, usage=usage, version=version, component=component, **fields
        )

    def confirm_entry(self, usage: Usage, version: int, value: str) -> dict[str, Any]:
        progress: dict[str, Any] = {}
        for name in NAMES:
            progress = self.ask(Opcode.CONFIRM_COMPONENTS, name, usage=usage, version=version, kcv=value)
        return progress

    def store(self, usage: Usage, version: int, key: bytes, **fields: Any) -> None:
        """The key through the whole ceremony."""
        blind = bytes(range(len(key))), bytes(reversed(range(len(key))))
        third = xor(key, *blind)
        progress = self.enter(usage, version, *blind, third, **fields)
        assert self.confirm_entry(usage, version, progress["kcv"])["stored"]

    def propose(self, action: str, keys: Sequence[str], by: str = "zhang", **fields: Any) -> int:
        answer = self.ask(
            Opcode.PROPOSE, by, action=action, keys=keys, **{"kek_version": 0, "national": 0} | fields
        )
        return int(answer["number"])

    def do(self, action: str, *keys: str, **fields: Any) -> list[str]:
        """Proposed by one and confirmed by another."""
        number = self.propose(action, keys, **fields)
        return list(self.ask(Opcode.CONFIRM, "li", number=number)["blocks"])

    def states(self) -> dict[str, str]:
        keys = self.ask(Opcode.LIST_KEYS)["keys"]
        return {f"{key['usage']}/{key['version']}": key["state"] for key in keys}

    def permits(self, usage: Usage, version: int) -> list[Intent]:
        self.custody.refresh()
        return [intent for intent in Intent if self.custody.policy.permits(usage, version, intent)]

    def pass_days(self, days: int) -> None:
        self.day += timedelta(days)


def passphrase(name: str) -> str:
    return f"{name}'s long passphrase"


def xor(*parts: bytes) -> bytes:
    whole = bytes(len(parts[0]))
    for part in parts:
        whole = crypto.xor(whole, part)
    return whole


def kcv(algorithm: Algorithm, key: bytes) -> str:
    return Master(algorithm, key).kcv


def is_ceremony(refusal: Refusal) -> bool:
    return refusal.code is Code.CEREMONY_INVALID
