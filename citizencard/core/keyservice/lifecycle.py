"""The life of a key version: which states there are, what each still allows, and who may say so.

A version is generated, becomes active, retires when the next one has taken over (cards out there still work until
a cut-off day), and is destroyed. A compromised version is disabled at once and never comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, StrEnum
from typing import Final, Protocol

from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.refusal import Code, Refusal


class Intent(Enum):
    """What a key is wanted for: to make something new, or to serve what it made before."""

    ISSUE = "make new cards, seal new data, sign"
    SERVE = "verify, load, open and maintain what is out there"


class KeyState(StrEnum):
    """State of one version of one usage."""

    GENERATED = "generated"
    ACTIVE = "active"
    RETIRING = "retiring"
    DISABLED = "disabled"
    DESTROYED = "destroyed"

    def permits(self, intent: Intent) -> bool:
        """Whether a key in this state may be used so; the cut-off day of a retiring one is the register's."""
        return intent in _PERMITTED[self]


class Change(StrEnum):
    """What custodians do to a key version. All take two of them, but `DISABLE`, which must not wait."""

    ACTIVATE = "activate"
    RETIRE = "retire"
    DISABLE = "disable"
    DESTROY = "destroy"

    @property
    def target(self) -> KeyState:
        """The state it leads to."""
        return _CHANGES[self][1]

    def begins_in(self, state: KeyState) -> bool:
        """Whether a key in this state can be changed so."""
        return state in _CHANGES[self][0]


_CHANGES: Final = {
    Change.ACTIVATE: ({KeyState.GENERATED}, KeyState.ACTIVE),
    Change.RETIRE: ({KeyState.ACTIVE}, KeyState.RETIRING),
    Change.DISABLE: ({KeyState.GENERATED, KeyState.ACTIVE, KeyState.RETIRING}, KeyState.DISABLED),
    Change.DESTROY: ({KeyState.GENERATED, KeyState.RETIRING, KeyState.DISABLED}, KeyState.DESTROYED),
}
_PERMITTED: Final = {
    KeyState.GENERATED: frozenset[Intent](),
    KeyState.ACTIVE: frozenset(Intent),
    KeyState.RETIRING: frozenset({Intent.SERVE}),
    KeyState.DISABLED: frozenset[Intent](),
    KeyState.DESTROYED: frozenset[Intent](),
}


class KeyPolicy(Protocol):
    """Asked before every use of a master; the answer may change from one call to the next."""

    def permits(self, usage: Usage, version: int, intent: Intent) -> bool:
        """Whether this version may be used so now; False for a version that is not held."""

    def current(self, usage: Usage) -> int:
        """The version new things are made with: the highest active one. `Refusal` unknown_key without any."""


def demand(policy: KeyPolicy, usage: Usage, version: int, intent: Intent) -> None:
    """`Refusal` key_not_permitted unless the policy permits this use."""
    if not policy.permits(usage, version, intent):
        raise Refusal(
            Code.KEY_NOT_PERMITTED, f"{usage} version {version} may not be used now to {intent.value}"
        )


def highest(usage: Usage, versions: Iterable[int]) -> int:
    """The highest of the given versions; `Refusal` unknown_key when there is none."""
    newest = max(versions, default=None)
    if newest is None:
        raise Refusal(Code.UNKNOWN_KEY, f"no {usage} key is active")
    return newest


class AllActive:
    """Every version held is active: the policy where no register is kept."""

    def __init__(self, held: Iterable[tuple[Usage, int]]) -> None:
        self._held = frozenset(held)

    def permits(self, usage: Usage, version: int, intent: Intent) -> bool:
        """True for every version held."""
        return (usage, version) in self._held

    def current(self, usage: Usage) -> int:
        """The highest version held."""
        return highest(usage, (version for held, version in self._held if held is usage))
