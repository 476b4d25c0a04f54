"""Who may ask for what, and how much of it: one table of roles, groups of operations and quotas.

A connection says its role; the kernel says its user id. Without a configuration every role is open to the service's
own user (the socket is his alone); a JSON file gives each role its users and changes single quotas:
`{"uids": {"web": [990], "custodian": [1001, 1002]}, "quotas": {"web": {"open": [50, 5000]}}}`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from citizencard.core.keyservice.proofs import ID_BYTES
from citizencard.core.keyservice.protocol import TAC_RECORD, Opcode, count_strings
from citizencard.core.keyservice.signing import SignPurpose


class Role(StrEnum):
    """What a process is in the house."""

    WEB = "web"
    WORKER = "worker"
    COUNTER = "counter"
    BRIDGE = "bridge"
    CUSTODIAN = "custodian"


class Group(StrEnum):
    """Operations that are permitted and counted together."""

    PUBLIC = "public"
    TAC = "tac"
    PURSE = "purse"
    PERSONALISE = "personalise"
    IDENTITY = "identity"
    SEAL = "seal"
    OPEN = "open"
    INDEX = "index"
    PROOF = "proof"
    SIGN = "sign"
    CUSTODY = "custody"


@dataclass(frozen=True)
class Operation:
    """An opcode's group and what one request of it counts for."""

    group: Group
    count: Callable[[bytes], int] = lambda payload: 1


@dataclass(frozen=True)
class Quota:
    """A token bucket: how many a second on the long run, and how many at once after a pause."""

    per_second: float
    burst: float


class RolesError(Exception):
    """The configuration of roles cannot be used; the message says why."""


OPERATIONS: Final[Mapping[Opcode, Operation]] = {
    Opcode.STATUS: Operation(Group.PUBLIC),
    Opcode.HELLO: Operation(Group.PUBLIC),
    Opcode.PUBLIC_KEY: Operation(Group.PUBLIC),
    Opcode.VERIFY_PURCHASE_TACS: Operation(Group.TAC, lambda payload: len(payload) // TAC_RECORD),
    Opcode.AUTHORISE_LOAD: Operation(Group.PURSE),
    Opcode.VERIFY_LOAD_TAC: Operation(Group.PURSE),
    Opcode.AUTHORISE_UNLOAD: Operation(Group.PURSE),
    Opcode.VERIFY_UNLOAD_MAC3: Operation(Group.PURSE),
    Opcode.AUTHORISE_OVERDRAFT: Operation(Group.PURSE),
    Opcode.VERIFY_OVERDRAFT_TAC: Operation(Group.PURSE),
    Opcode.WRITE_KEY: Operation(Group.PERSONALISE),
    Opcode.MAC_COMMAND: Operation(Group.PERSONALISE),
    Opcode.MAINTENANCE_COMMAND: Operation(Group.PERSONALISE),
    Opcode.ISSUE_CERTIFICATE: Operation(Group.PERSONALISE),
    Opcode.KEY_CHECK_VALUES: Operation(Group.PERSONALISE),
    Opcode.CARD_CA_CERTIFICATES: Operation(Group.PUBLIC),
    Opcode.VERIFY_INTERNAL_AUTHENTICATE: Operation(Group.IDENTITY),
    Opcode.SEAL: Operation(Group.SEAL, lambda payload: count_strings(payload) // 2),
    Opcode.OPEN: Operation(Group.OPEN, lambda payload: count_strings(payload) // 2),
    Opcode.BLIND_INDEX: Operation(Group.INDEX, lambda payload: max(0, count_strings(payload) - 1)),
    Opcode.PROOF_SALTS: Operation(Group.PROOF, lambda payload: len(payload) // ID_BYTES),
    Opcode.SIGN: Operation(Group.SIGN),
    **{opcode: Operation(Group.CUSTODY) for opcode in Opcode if 0x60 <= opcode <= 0x6F},
}
"""Every operation stands here; one that does not is nobody's."""

_TAPS: Final = Quota(1_000_000, 50_000_000)
_EVERYDAY: Final = {
    Group.TAC: _TAPS,
    Group.PURSE: Quota(200, 50_000),
    Group.IDENTITY: Quota(200, 50_000),
    Group.SEAL: Quota(2_000, 200_000),
    Group.INDEX: Quota(200, 50_000),
}
QUOTAS: Final[Mapping[Role, Mapping[Group, Quota]]] = {
    Role.WEB: _EVERYDAY
    | {
        Group.OPEN: Quota(200, 50_000),
        Group.SIGN: Quota(200, 20_000),
        Group.PROOF: Quota(100_000, 5_000_000),
    },
    Role.WORKER: _EVERYDAY
    | {Group.OPEN: Quota(2_000, 200_000), Group.SIGN: Quota(200, 20_000), Group.PROOF: _TAPS},
    Role.COUNTER: _EVERYDAY
    | {
        Group.OPEN: Quota(200, 50_000),
        Group.PERSONALISE: Quota(20, 50_000),
        Group.SIGN: Quota(50, 5_000),
    },
    Role.BRIDGE: {Group.SIGN: Quota(50, 5_000)},
    Role.CUSTODIAN: {Group.CUSTODY: Quota(10, 100)},
}
"""What each role may ask (all may ask what is public) and how much.

Large enough for a city's busiest hour, small enough that a stolen web process cannot open a million personal fields
or make the keys of a million cards in a night. Counted per user and role: records, values or calls.
"""

SIGNS: Final[Mapping[Role, frozenset[SignPurpose]]] = {
    Role.WEB: frozenset({SignPurpose.DOCUMENT, SignPurpose.RIDE_CODE}),
    Role.WORKER: frozenset(
        {
            SignPurpose.DOCUMENT,
            SignPurpose.KEY_CHANGE,
            SignPurpose.SETTLEMENT_FILE,
            SignPurpose.TREE_HEAD,
            SignPurpose.AUDIT_HEAD,
        }
    ),
    Role.COUNTER: frozenset({SignPurpose.BUREAU_FILE}),
    Role.BRIDGE: frozenset({SignPurpose.CARD_BRIDGE}),
}
"""What each role that signs may sign."""


@dataclass(frozen=True)
class Roles:
    """The roles as they apply to one service: users by role, and quotas."""

    uids: Mapping[Role, frozenset[int]]
    quotas: Mapping[Role, Mapping[Group, Quota]]
    shared: bool
    """Whether other users than the service's own may connect."""

    def admits(self, role: Role, uid: int) -> bool:
        """Whether this user may take this role."""
        return uid in self.uids[role]


def own_user_only() -> Roles:
    """Every role for the service's own user and for root, who could take them anyway."""
    own = frozenset({os.geteuid(), 0})
    return Roles(dict.fromkeys(Role, own), QUOTAS, shared=False)


def load_roles(path: Path) -> Roles:
    """Read the configuration; a role it does not name has no users. `RolesError` for anything it cannot mean."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        uids = {Role(name): frozenset(_uid(uid) for uid in users) for name, users in content["uids"].items()}
        quotas = {role: dict(groups) for role, groups in QUOTAS.items()}
        for name, changes in content.get("quotas", {}).items():
            quotas[Role(name)] |= _quotas(Role(name), changes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RolesError(f"{path} cannot be read as a configuration of roles: {error}") from None
    return Roles({role: uids.get(role, frozenset()) for role in Role}, quotas, shared=True)


def _uid(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a user id is a whole number")
    return value


def _quotas(role: Role, changes: Mapping[str, Any]) -> dict[Group, Quota]:
    changed = {Group(name): Quota(*map(float, pair)) for name, pair in changes.items()}
    for group, quota in changed.items():
        if group not in QUOTAS[role]:
            raise ValueError(f"a {role} may not ask for {group}")
        if not (quota.per_second >= 0 and quota.burst >= 1):
            raise ValueError(f"the quota of {role} for {group} is out of bounds")
    return changed
