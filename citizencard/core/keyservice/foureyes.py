"""Four eyes: what one custodian proposes takes effect when another one confirms it.

Only disabling a compromised key, and bringing in a block sealed under a key both parties hold, take one.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from citizencard.core.keyservice import keyblock
from citizencard.core.keyservice.custodians import Custodian
from citizencard.core.keyservice.custody import Custody
from citizencard.core.keyservice.keyblock import UnwrappedKey
from citizencard.core.keyservice.keystore import KEY_BYTES, KeyName, Master, Usage, algorithms_of
from citizencard.core.keyservice.lifecycle import Change, Intent, demand
from citizencard.core.keyservice.pending import Pending
from citizencard.core.keyservice.refusal import Code, Refusal


class Action(StrEnum):
    """What can be proposed."""

    GENERATE = "generate"
    ACTIVATE = "activate"
    RETIRE = "retire"
    DESTROY = "destroy"
    EXPORT = "export"


@dataclass(frozen=True)
class Proposal:
    """An action on some keys; `cut_off` for retiring, `kek_version` for exporting."""

    action: Action
    names: tuple[KeyName, ...]
    by: str
    cut_off: date | None = None
    kek_version: int = 0
    national: bool = False
    """Keys to be generated are of the national suite, where their usage has one."""


class FourEyes:
    """Keeps proposals and carries out confirmed ones."""

    def __init__(self, custody: Custody, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._custody = custody
        self._proposals: Pending[int, Proposal] = Pending(clock)
        self._numbers = itertools.count(1)

    def propose(self, proposal: Proposal) -> int:
        """The proposal's number; `Refusal` when it could not be carried out now."""
        self._check(proposal)
        number = next(self._numbers)
        self._proposals.begin(number, proposal)
        return number

    def open_proposals(self) -> dict[int, Proposal]:
        """What waits for a second custodian."""
        return self._proposals.all()

    def confirm(self, person: Custodian, number: int) -> Sequence[str]:
        """Carry a proposal out; the exported key blocks, if that was proposed."""
        proposal = self._proposals.find(number)
        if proposal is None:
            raise Refusal(Code.CEREMONY_INVALID, "no such proposal waits")
        if proposal.by == person.name:
            raise Refusal(Code.CEREMONY_INVALID, "another custodian must confirm a proposal")
        self._check(proposal)
        self._proposals.end(number)
        return self._carry_out(proposal)

    def disable(self, names: Sequence[KeyName]) -> None:
        """Take compromised keys out of use from the next call on, for good."""
        self._custody.apply(Change.DISABLE, names)

    def import_block(self, name: KeyName, kek_version: int, block: str) -> str:
        """Register the key of a block under a shared key; its check value. It works once two have activated it."""
        self._custody.require_new(name)
        _require_ours(name)
        kek = self._shared_key(kek_version, Intent.SERVE)
        return self._custody.store(keyblock.unwrap(kek, block, name)).kcv

    def _check(self, proposal: Proposal) -> None:
        if not proposal.names:
            raise Refusal(Code.BAD_REQUEST, "a proposal names its keys")
        if proposal.action is Action.GENERATE:
            for name in proposal.names:
                self._custody.require_new(name)
                _require_ours(name)
        elif proposal.action is Action.EXPORT:
            self._shared_key(proposal.kek_version, Intent.ISSUE)
            for name in proposal.names:
                self._exportable(name)
        else:
            self._custody.check(Change(proposal.action), proposal.names, proposal.cut_off)

    def _carry_out(self, proposal: Proposal) -> list[str]:
        if proposal.action is Action.GENERATE:
            for name in proposal.names:
                self._generate(name, national=proposal.national)
        elif proposal.action is Action.EXPORT:
            kek = self._shared_key(proposal.kek_version, Intent.ISSUE)
            return [keyblock.wrap(kek, self._exportable(name)) for name in proposal.names]
        else:
            self._custody.apply(Change(proposal.action), proposal.names, proposal.cut_off)
        return []

    def _generate(self, name: KeyName, *, national: bool) -> None:
        algorithm = algorithms_of(name[0])[-1 if national else 0]
        master = Master(algorithm, secrets.token_bytes(KEY_BYTES[algorithm]))
        self._custody.store(UnwrappedKey(name, master, exportable=False))

    def _exportable(self, name: KeyName) -> UnwrappedKey:
        """The key as the other party shall have it: not to be passed on."""
        self._custody.policy.note(name)
        key = self._custody.unwrapped(name)
        if not key.exportable or name[0] is Usage.KEK:
            raise Refusal(Code.UNSUPPORTED, f"{name[0]} version {name[1]} is not exportable")
        return UnwrappedKey(name, key.master, exportable=False)

    def _shared_key(self, version: int, intent: Intent) -> bytes:
        name = (Usage.KEK, version)
        self._custody.register.entry(name)
        demand(self._custody.policy, *name, intent)
        return self._custody.unwrapped(name).master.key


def _require_ours(name: KeyName) -> None:
    if name[0] is Usage.KEK:
        raise Refusal(Code.BAD_REQUEST, "a key shared with another party is entered by components")
