"""Keys entered by hand: three components by three custodians, joined by XOR, confirmed by all before anything is kept.

One component says nothing about the key, nor do two. Each comes with its own check value, made as if it were the key.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from citizencard.core.keyservice.custodians import Custodian
from citizencard.core.keyservice.custody import Custody
from citizencard.core.keyservice.keyblock import UnwrappedKey
from citizencard.core.keyservice.keystore import Algorithm, KeyName, Master, algorithms_of
from citizencard.core.keyservice.pending import Pending
from citizencard.core.keyservice.refusal import Code, Refusal

COMPONENTS: Final = 3


@dataclass
class _Entry:
    """A key being entered: components and confirmations by custodian."""

    algorithm: Algorithm
    exportable: bool
    components: dict[str, bytes] = field(default_factory=dict, repr=False)
    confirmed: set[str] = field(default_factory=set)

    def joined(self) -> Master:
        whole = bytes(len(next(iter(self.components.values()))))
        for component in self.components.values():
            whole = bytes(left ^ right for left, right in zip(whole, component, strict=True))
        return Master(self.algorithm, whole)


@dataclass(frozen=True)
class Progress:
    """How far an entry is; `kcv` of the whole key once all components are there; `stored` at the end."""

    entered: int
    confirmed: int
    kcv: str | None
    stored: bool = False


class ComponentEntry:
    """The ceremony, for any number of keys side by side."""

    def __init__(self, custody: Custody, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._custody = custody
        self._entries: Pending[KeyName, _Entry] = Pending(clock)

    def enter(
        self,
        person: Custodian,
        name: KeyName,
        component: bytes,
        kcv: str,
        *,
        algorithm: Algorithm,
        exportable: bool,
    ) -> Progress:
        """One custodian's component with the check value on his paper; `Refusal` leaves the entry as it was."""
        self._custody.require_new(name)
        if algorithm not in algorithms_of(name[0]):
            raise Refusal(Code.BAD_REQUEST, f"a {name[0]} key is not of algorithm {algorithm}")
        entry = self._entries.find(name) or _Entry(algorithm, exportable)
        if (entry.algorithm, entry.exportable) != (algorithm, exportable):
            raise Refusal(Code.CEREMONY_INVALID, "the first component was entered for another kind of key")
        if person.name in entry.components:
            raise Refusal(Code.CEREMONY_INVALID, "this custodian has entered a component already")
        if len(entry.components) == COMPONENTS:
            raise Refusal(Code.CEREMONY_INVALID, "all components are there")
        _check(algorithm, component, kcv)
        if not entry.components:
            self._entries.begin(name, entry)
        entry.components[person.name] = component
        return _progress(entry)

    def confirm(self, person: Custodian, name: KeyName, kcv: str) -> Progress:
        """One custodian's word that the key is right. With the last one it is stored; a wrong value drops the entry."""
        self._custody.policy.note(name)
        entry = self._entries.find(name)
        if entry is None or len(entry.components) < COMPONENTS:
            raise Refusal(Code.CEREMONY_INVALID, "no key of this name waits to be confirmed")
        if person.name not in entry.components:
            raise Refusal(Code.CEREMONY_INVALID, "only those confirm a key who have entered its components")
        master = entry.joined()
        if not hmac.compare_digest(kcv, master.kcv):
            self._entries.end(name)
            raise Refusal(Code.CEREMONY_INVALID, "the check value of the whole key differs: enter it anew")
        entry.confirmed.add(person.name)
        if len(entry.confirmed) < COMPONENTS:
            return _progress(entry)
        self._entries.end(name)
        self._custody.store(UnwrappedKey(name, master, entry.exportable))
        return Progress(COMPONENTS, COMPONENTS, master.kcv, stored=True)


def _check(algorithm: Algorithm, component: bytes, kcv: str) -> None:
    try:
        right = Master(algorithm, component).kcv
    except ValueError as error:
        raise Refusal(Code.BAD_REQUEST, f"a component is as long as the key: {error}") from None
    if not hmac.compare_digest(kcv, right):
        raise Refusal(Code.CEREMONY_INVALID, "the component's check value differs: type it again")


def _progress(entry: _Entry) -> Progress:
    whole = len(entry.components) == COMPONENTS
    return Progress(len(entry.components), len(entry.confirmed), entry.joined().kcv if whole else None)
