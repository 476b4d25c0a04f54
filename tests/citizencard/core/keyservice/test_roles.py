"""Who may ask for what: every role with every operation, users by the kernel's word, quotas, and the line each call leaves."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from citizencard.core.keyservice.audit import AuditLog, verify
from citizencard.core.keyservice.backend import Backend, KeyRing
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceNotPermitted, KeyServiceQuotaExceeded
from citizencard.core.keyservice.gate import Gate
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.keyservice.lifecycle import AllActive
from citizencard.core.keyservice.peer import Peer
from citizencard.core.keyservice.protocol import Opcode, pack_strings, to_json
from citizencard.core.keyservice.quota import Buckets
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.roles import (
    OPERATIONS,
    QUOTAS,
    Group,
    Quota,
    Role,
    Roles,
    RolesError,
    load_roles,
    own_user_only,
)
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.keyservice.vault_software import SoftwareVault
from citizencard.core.problems import problem_of
from tests.citizencard.core.keyservice.office import Office, passphrase, quick_scrypt, refusal_of
from tests.citizencard.core.keyservice.papers import PAPERS
from tests.fixtures_core import DEMO_KEYS, KeyServiceProcess

__all__ = ["quick_scrypt"]
ME = os.geteuid()
MAY = {
    Role.WEB: set(Group) - {Group.CUSTODY, Group.PUBLIC, Group.PERSONALISE},
    Role.WORKER: set(Group) - {Group.CUSTODY, Group.PUBLIC, Group.PERSONALISE},
    Role.COUNTER: set(Group) - {Group.CUSTODY, Group.PUBLIC, Group.PROOF},
    Role.BRIDGE: {Group.SIGN},
    Role.CUSTODIAN: {Group.CUSTODY},
}
"""Said twice on purpose, here and in the table of the service: a right is not given away by a slip."""


def ring_of(keys: KeyStore) -> KeyRing:
    return KeyRing(Backend(SoftwareVault(keys.keys), keys.issuer_factor8, AllActive(keys.masters), demo=True))


def with_quota(group: Group, quota: Quota) -> Roles:
    quotas = {role: dict(groups) for role, groups in QUOTAS.items()}
    quotas[Role.WEB][group] = quota
    return Roles(dict.fromkeys(Role, frozenset({ME})), quotas, shared=False)


def pairs(count: int) -> bytes:
    return pack_strings([b"t|c|1", b"x"] * count)


def test_every_operation_belongs_to_a_group() -> None:
    assert set(OPERATIONS) == set(Opcode)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("opcode", Opcode)
def test_each_role_asks_for_its_own_operations_only(demo_keys: KeyStore, role: Role, opcode: Opcode) -> None:
    gate = Gate(ring_of(demo_keys), own_user_only())
    try:
        gate.answer(Peer(ME, 1, role), opcode, b"\xff")
        permitted = True
    except Refusal as refusal:
        permitted = refusal.code is not Code.NOT_PERMITTED
    assert permitted == (OPERATIONS[opcode].group in MAY[role] | {Group.PUBLIC})


def test_the_web_does_not_write_keys(key_service: KeyServiceClient) -> None:
    web = KeyServiceClient(key_service._channel._path)
    with pytest.raises(KeyServiceNotPermitted) as caught:
        web.mac_command(chip_serial8=bytes(8), header=bytes(4), data=b"", challenge=bytes(8))
    assert "MAC_COMMAND" in caught.value.data["explanation"]
    problem = problem_of(caught.value)
    assert (problem["status"], problem["code"]) == (403, "key_service_not_permitted")


def test_a_user_without_the_role_does_not_get_it(demo_keys: KeyStore) -> None:
    roles = Roles({Role.WEB: frozenset({990}), Role.WORKER: frozenset(), Role.COUNTER: frozenset(),
                   Role.CUSTODIAN: frozenset({1001})}, QUOTAS, shared=True)  # fmt: skip
    gate = Gate(ring_of(demo_keys), roles)
    hello = lambda uid, role: gate.answer(Peer(uid, 1), Opcode.HELLO, to_json({"role": role}))  # noqa: E731
    hello(990, "web")
    for uid, role in [(990, "counter"), (990, "custodian"), (1001, "web"), (0, "web")]:
        assert refusal_of(lambda: hello(uid, role)).code is Code.NOT_PERMITTED  # noqa: B023
    assert refusal_of(lambda: gate.answer(Peer(1001, 1), Opcode.STATUS, b"")).code is Code.NOT_PERMITTED
    assert refusal_of(lambda: hello(990, "mayor")).code is Code.BAD_REQUEST


def test_hello_changes_the_role_of_the_connection(demo_keys: KeyStore) -> None:
    gate, peer = Gate(ring_of(demo_keys), own_user_only()), Peer(ME, 1)
    sign = lambda: gate.answer(peer, Opcode.SIGN, pack_strings([b"settlement_file", b"x"]))  # noqa: E731
    assert refusal_of(sign).code is Code.NOT_PERMITTED
    gate.answer(peer, Opcode.HELLO, to_json({"role": "worker"}))
    assert len(sign()) == 64


@pytest.mark.parametrize(
    ("role", "purposes"),
    [
        (Role.WEB, {"document", "ride_code"}),
        (Role.WORKER, {"document", "key_change", "settlement_file", "tree_head", "audit_head"}),
        (Role.COUNTER, {"bureau_file"}),
        (Role.BRIDGE, {"card_bridge"}),
    ],
)
def test_each_role_signs_its_own_papers_only(demo_keys: KeyStore, role: Role, purposes: set[str]) -> None:
    gate, peer = Gate(ring_of(demo_keys), own_user_only()), Peer(ME, 1, role)
    for purpose in SignPurpose:
        sign = lambda: gate.answer(peer, Opcode.SIGN, pack_strings([purpose.encode(), PAPERS[purpose]]))  # noqa: B023, E731
        if purpose in purposes:
            assert len(sign()) == 64
        else:
            assert refusal_of(sign).code is Code.NOT_PERMITTED


# Quotas.


def test_a_bucket_fills_again_with_time() -> None:
    now = 0.0
    buckets, name, quota = Buckets(lambda: now), (0, Role.WEB, Group.OPEN), Quota(2, 10)
    buckets.take(name, quota, 10)
    assert refusal_of(lambda: buckets.take(name, quota, 1)).code is Code.QUOTA_EXCEEDED
    now += 1.5
    buckets.take(name, quota, 3)
    refusal_of(lambda: buckets.take(name, quota, 1))
    now += 3600
    refusal_of(lambda: buckets.take(name, quota, 11))
    buckets.take(name, quota, 10)


def test_buckets_are_each_users_and_roles_own() -> None:
    buckets, quota = Buckets(lambda: 0.0), Quota(0, 1)
    for name in [(0, Role.WEB, Group.OPEN), (0, Role.WEB, Group.SEAL), (0, Role.WORKER, Group.OPEN), (1, Role.WEB, Group.OPEN)]:  # fmt: skip
        buckets.take(name, quota, 1)
        refusal_of(lambda: buckets.take(name, quota, 1))  # noqa: B023


@pytest.mark.parametrize(
    ("opcode", "group", "request_of"),
    [
        (Opcode.SEAL, Group.SEAL, pairs),
        (Opcode.OPEN, Group.OPEN, pairs),
        (Opcode.VERIFY_PURCHASE_TACS, Group.TAC, lambda count: bytes(35 * count)),
        (
            Opcode.BLIND_INDEX,
            Group.INDEX,
            lambda count: pack_strings([b'{"column":"t.c","key_version":1}', *[b"x"] * count]),
        ),
        (
            Opcode.PROOF_SALTS,
            Group.PROOF,
            lambda count: pack_strings([b"{}", bytes(8 * count)[10:]]),
        ),
    ],
)
def test_bulk_calls_count_what_they_carry(
    demo_keys: KeyStore, opcode: Opcode, group: Group, request_of: Callable[[int], bytes]
) -> None:
    gate, peer = Gate(ring_of(demo_keys), with_quota(group, Quota(0, 10))), Peer(ME, 1)

    def code(count: int) -> str:
        try:
            gate.answer(peer, opcode, request_of(count))
        except Refusal as refusal:
            return refusal.code
        return "ok"

    assert code(11) == Code.QUOTA_EXCEEDED
    assert code(10) != Code.QUOTA_EXCEEDED, "a refused request has used nothing up"
    assert code(1) == Code.QUOTA_EXCEEDED


def test_a_used_up_quota_is_told_to_the_caller(tmp_path: Path) -> None:
    roles = tmp_path / "roles.json"
    content = {"uids": {"web": [ME]}, "quotas": {"web": {"seal": [0, 2]}}}
    roles.write_text(json.dumps(content))
    service = KeyServiceProcess(tmp_path / "s", "--demo-keys", str(DEMO_KEYS), "--roles", str(roles))
    service.start()
    try:
        client = KeyServiceClient(service.socket_path)
        client.seal_fields([("t|c|1", "x"), ("t|c|2", "y")])
        with pytest.raises(KeyServiceQuotaExceeded) as caught:
            client.seal_fields([("t|c|1", "x")])
        assert problem_of(caught.value)["status"] == 429
        with pytest.raises(KeyServiceNotPermitted):
            KeyServiceClient(service.socket_path, role=Role.WORKER).seal_fields([("t|c|1", "x")])
    finally:
        service.kill()


@pytest.mark.skipif(ME != 0, reason="needs root to become another user")
def test_another_users_process_is_known_by_the_kernel(tmp_path: Path) -> None:
    roles = tmp_path / "roles.json"
    roles.write_text(json.dumps({"uids": {"web": [0, 65534], "worker": [0]}}))

    def as_nobody(role: Role) -> int:
        child = os.fork()
        if child == 0:
            # Whatever happens, the child must not come back into the test run as a second one.
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                state = KeyServiceClient(service.socket_path, role=role).status().state
                os._exit(0 if state == "open" else 1)
            except KeyServiceNotPermitted:
                os._exit(2)
            finally:
                os._exit(3)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        service = KeyServiceProcess(Path(folder) / "s", "--demo-keys", str(DEMO_KEYS), "--roles", str(roles))
        service.start()
        try:
            assert as_nobody(Role.WEB) == 0
            assert as_nobody(Role.WORKER) == 2
            assert KeyServiceClient(service.socket_path, role=Role.WORKER).status().state == "open"
        finally:
            service.kill()


@pytest.mark.parametrize(
    "content",
    [
        "nothing",
        "[]",
        "{}",
        '{"uids": {"mayor": [1]}}',
        '{"uids": {"web": ["root"]}}',
        '{"uids": {"web": [true]}}',
        '{"uids": {}, "quotas": {"web": {"personalise": [1, 2]}}}',
        '{"uids": {}, "quotas": {"web": {"open": [1]}}}',
        '{"uids": {}, "quotas": {"web": {"open": [-1, 5]}}}',
        '{"uids": {}, "quotas": {"web": {"open": [NaN, 5]}}}',
        '{"uids": {}, "quotas": {"custodian": {"open": [1, 5]}}}',
    ],
)
def test_a_configuration_that_cannot_be_meant(tmp_path: Path, content: str) -> None:
    (tmp_path / "roles.json").write_text(content)
    with pytest.raises(RolesError):
        load_roles(tmp_path / "roles.json")


# The audit line.


@pytest.fixture
def audited(tmp_path: Path, quick_scrypt: None) -> tuple[Gate, Office]:
    office = Office(tmp_path).begin()
    office.do("generate", "PII_DEK/1", "TAC/1")
    office.do("activate", "PII_DEK/1")
    return Gate(office.ring, own_user_only(), ceremonies=office.ceremonies, audit=AuditLog(tmp_path)), office


def trail(office: Office) -> list[dict[str, object]]:
    return [json.loads(line) for line in (office.folder / "audit.jsonl").read_text().splitlines()]


def test_each_call_leaves_one_line(audited: tuple[Gate, Office]) -> None:
    gate, office = audited
    web, custodian = Peer(ME, 77), Peer(ME, 78, Role.CUSTODIAN)
    gate.answer(web, Opcode.STATUS, b"")
    gate.answer(web, Opcode.SEAL, pairs(5))
    refusal_of(lambda: gate.answer(web, Opcode.SIGN, b""))
    refusal_of(lambda: gate.answer(web, Opcode.OPEN, pairs(1)))
    who = {"custodian": "li", "passphrase": passphrase("li")}
    gate.answer(custodian, Opcode.DISABLE, to_json({**who, "keys": ["PII_DEK/1"]}))
    refusal_of(lambda: gate.answer(custodian, Opcode.DISABLE, to_json({**who, "passphrase": "x"})))
    assert [
        (line["role"], line["pid"], line["operation"], line["keys"], line["count"], line["outcome"])
        for line in trail(office)
    ] == [
        ("web", 77, "SEAL", ["PII_DEK/1"], 5, "ok"),
        ("web", 77, "SIGN", [], 0, "bad_request"),
        ("web", 77, "OPEN", [], 1, "envelope_invalid"),
        ("custodian", 78, "DISABLE", ["PII_DEK/1"], 1, "ok"),
        ("custodian", 78, "DISABLE", [], 1, "custodian_invalid"),
    ]
    assert [line.get("custodian") for line in trail(office)] == [None, None, None, "li", "li"]
    assert verify(office.folder).lines == 5


def test_a_key_refused_by_its_state_is_named(audited: tuple[Gate, Office]) -> None:
    gate, office = audited
    refusal_of(lambda: gate.answer(Peer(ME, 1), Opcode.VERIFY_LOAD_TAC, b"{}"))
    gate.answer(Peer(ME, 1), Opcode.VERIFY_PURCHASE_TACS, b"CARD0001\x01" + bytes(26))
    assert trail(office)[-1]["keys"] == ["TAC/1"]


def test_no_secret_and_no_personal_datum_is_written_down(audited: tuple[Gate, Office]) -> None:
    gate, office = audited
    gate.answer(Peer(ME, 1), Opcode.SEAL, pack_strings([b"citizen|name|7", "王小明".encode()]))
    component = secrets.token_bytes(16)
    fields = {"custodian": "li", "passphrase": passphrase("li"), "usage": "LOAD", "version": 1,
              "component": component, "kcv": "000000", "algorithm": "DES3", "exportable": 0}  # fmt: skip
    peer = Peer(ME, 1, Role.CUSTODIAN)
    refusal_of(lambda: gate.answer(peer, Opcode.ENTER_COMPONENT, to_json(fields)))
    text = (office.folder / "audit.jsonl").read_text()
    assert trail(office)[-1]["keys"] == ["LOAD/1"]
    told = ["citizen|name", "王小明", "\\u738b", component.hex(), passphrase("li"), *office.shares.values()]
    assert not [secret for secret in told if secret in text]


def test_nothing_is_done_without_an_audit_log(
    audited: tuple[Gate, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, _ = audited

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    refusal = refusal_of(lambda: gate.answer(Peer(ME, 1), Opcode.SEAL, pairs(1)))
    assert refusal.code is Code.INTERNAL
    assert "audit log" in refusal.message


def test_custody_without_a_state_directory_is_told_so(demo_keys: KeyStore) -> None:
    gate = Gate(ring_of(demo_keys), own_user_only())
    refusal = refusal_of(lambda: gate.answer(Peer(ME, 1, Role.CUSTODIAN), Opcode.LIST_KEYS, b"{}"))
    assert refusal.code is Code.UNSUPPORTED
