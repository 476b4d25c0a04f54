"""Every request passes here: may this role ask for it, is there quota left, then it is done, then it is written down."""

from __future__ import annotations

import logging
from typing import Any

from citizencard.core.keyservice.audit import AuditLog
from citizencard.core.keyservice.backend import KeyRing
from citizencard.core.keyservice.ceremonies import Ceremonies, custodian_in
from citizencard.core.keyservice.fields import Fields
from citizencard.core.keyservice.handlers import answer, signing_request
from citizencard.core.keyservice.peer import Peer
from citizencard.core.keyservice.protocol import Opcode, to_json
from citizencard.core.keyservice.quota import Buckets
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.roles import OPERATIONS, SIGNS, Group, Operation, Role, Roles

logger = logging.getLogger(__name__)


class Gate:
    """Stands between the connections and the keys. Without a state directory there is no custody and no audit log."""

    def __init__(
        self,
        ring: KeyRing,
        roles: Roles,
        *,
        ceremonies: Ceremonies | None = None,
        audit: AuditLog | None = None,
    ) -> None:
        self.ring = ring
        self._roles = roles
        self._buckets = Buckets()
        self._ceremonies = ceremonies
        self._audit = audit

    def answer(self, peer: Peer, code: int, payload: bytes) -> bytes:
        """The answer's payload; `Refusal` for everything that is not a well-formed, permitted request."""
        try:
            opcode = Opcode(code)
        except ValueError:
            raise Refusal(Code.BAD_REQUEST, f"unknown operation {code:#04x}") from None
        outcome: str = Code.INTERNAL
        count = 0
        try:
            operation = self._permitted(peer, opcode, payload)
            count = operation.count(payload)
            self._take_quota(peer, operation.group, count)
            result = self._do(peer, opcode, operation.group, payload)
            outcome = "ok"
        except Refusal as refusal:
            outcome = refusal.code
            raise
        finally:
            self._write_down(peer, opcode, count, outcome, payload)
        return result

    def _permitted(self, peer: Peer, opcode: Opcode, payload: bytes) -> Operation:
        operation = OPERATIONS.get(opcode)
        if not self._roles.admits(peer.role, peer.uid):
            raise Refusal(Code.NOT_PERMITTED, f"user {peer.uid} may not take the role {peer.role}")
        if operation is None or not self._is_of(peer.role, operation.group):
            raise Refusal(Code.NOT_PERMITTED, f"the role {peer.role} may not ask for {opcode.name}")
        if opcode is Opcode.SIGN and (purpose := signing_request(payload)[0]) not in SIGNS[peer.role]:
            raise Refusal(Code.NOT_PERMITTED, f"the role {peer.role} may not sign a {purpose}")
        return operation

    def _is_of(self, role: Role, group: Group) -> bool:
        return group is Group.PUBLIC or group in self._roles.quotas[role]

    def _take_quota(self, peer: Peer, group: Group, count: int) -> None:
        if group is not Group.PUBLIC:
            self._buckets.take((peer.uid, peer.role, group), self._roles.quotas[peer.role][group], count)

    def _do(self, peer: Peer, opcode: Opcode, group: Group, payload: bytes) -> bytes:
        if opcode is Opcode.HELLO:
            return self._take_role(peer, payload)
        if self._ceremonies is not None:
            if group is Group.CUSTODY:
                return self._ceremonies.answer(opcode, payload)
            self._ceremonies.custody.refresh()
        elif group is Group.CUSTODY:
            raise Refusal(Code.UNSUPPORTED, "this key service keeps no keys: it has no state directory")
        return answer(self.ring, opcode, payload)

    def _take_role(self, peer: Peer, payload: bytes) -> bytes:
        role = Fields(payload).choice("role", Role)
        if not self._roles.admits(role, peer.uid):
            raise Refusal(Code.NOT_PERMITTED, f"user {peer.uid} may not take the role {role}")
        peer.role = role
        return to_json({"role": role})

    def _write_down(self, peer: Peer, opcode: Opcode, count: int, outcome: str, payload: bytes) -> None:
        """One audit line; asking for the state or saying hello leaves none, unless it was refused."""
        if self._audit is None or self._ceremonies is None:
            return
        keys = self._ceremonies.custody.policy.take_noted()
        if opcode in (Opcode.STATUS, Opcode.HELLO) and outcome == "ok":
            return
        facts: dict[str, Any] = {
            "role": peer.role,
            "uid": peer.uid,
            "pid": peer.pid,
            "operation": opcode.name,
            "keys": [f"{usage}/{version}" for usage, version in keys],
            "count": count,
            "outcome": outcome,
        }
        if OPERATIONS[opcode].group is Group.CUSTODY:
            facts["custodian"] = custodian_in(payload)
        try:
            self._audit.append(**facts)
        except OSError as error:
            logger.error("the audit log cannot be written: %s", error.strerror)
            raise Refusal(
                Code.INTERNAL, "the audit log cannot be written: nothing is done without it"
            ) from None
