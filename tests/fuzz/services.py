"""The key service behind its socket: frames, the fields of every request, key blocks, its bulk answers."""

from __future__ import annotations

import json
import logging
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Final, cast

from citizencard.core.keyservice import keyblock
from citizencard.core.keyservice.audit import AuditLog
from citizencard.core.keyservice.backend import KeyRing
from citizencard.core.keyservice.ceremonies import Ceremonies
from citizencard.core.keyservice.custodians import Custodian
from citizencard.core.keyservice.custody import Custody
from citizencard.core.keyservice.demonstration import open_demonstration
from citizencard.core.keyservice.gate import Gate
from citizencard.core.keyservice.keyblock import UnwrappedKey
from citizencard.core.keyservice.keystore import Algorithm, Master, Usage, algorithms_of, load_demo_keys
from citizencard.core.keyservice.lifecycle import KeyState
from citizencard.core.keyservice.peer import Peer
from citizencard.core.keyservice.places import MemoryPlace
from citizencard.core.keyservice.protocol import (
    MAX_FRAME,
    Opcode,
    pack_strings,
    pack_tac_record,
    receive_frame,
    send_frame,
    to_json,
    unpack_strings,
)
from citizencard.core.keyservice.refusal import Refusal
from citizencard.core.keyservice.register import KeyEntry, Register, RegisterFile
from citizencard.core.keyservice.roles import OPERATIONS, Group, Quota, Role, Roles
from tests.fuzz.parsers import HeardSocket
from tests.fuzz.target import Target, hold

DEMO_KEYS: Final = Path(__file__).resolve().parents[2] / "fixtures" / "demo_keys.json"
PROTECTION_KEY: Final = bytes(range(32))
NESTED: Final = b"[" * 2_000 + b"]" * 2_000
"""JSON too deep for Python's parser."""
WHEN: Final = datetime.fromisoformat("2026-11-21T08:30:15")


@lru_cache(maxsize=1)
def gate() -> Gate:
    """An open service with the demonstration keys, whose every role may ask for everything, without end."""
    logging.disable()
    store, ring = load_demo_keys(DEMO_KEYS, environment="demo"), KeyRing()
    folder = Path(tempfile.mkdtemp(prefix="keys-"))
    custody = Custody(folder, ring, MemoryPlace(store.keys), demo=True)
    open_demonstration(custody, store)
    everything = dict.fromkeys(Group, Quota(inf, inf))
    roles = Roles(dict.fromkeys(Role, frozenset({0})), dict.fromkeys(Role, everything), shared=False)
    return Gate(ring, roles, ceremonies=Ceremonies(custody), audit=AuditLog(folder))


def serve(data: bytes) -> None:
    """A connection of the key service: frames until the peer leaves, each counted for its quota and answered."""
    heard, peer = cast("socket.socket", HeardSocket(data)), Peer(0, 1)
    while True:
        try:
            frame = receive_frame(heard)
        except (ConnectionError, Refusal):
            return
        if frame is None:
            return
        code, payload = frame
        try:
            if code in set(Opcode):
                hold("no request gives tokens back", OPERATIONS[Opcode(code)].count(payload) >= 0)
            told = gate().answer(peer, code, payload)
        except Refusal as refusal:
            told = to_json({"code": refusal.code, "message": refusal.message})
        hold("an answer fits a frame", len(told) < MAX_FRAME)


def _request(code: Opcode, payload: bytes) -> bytes:
    sent = HeardSocket(b"")
    send_frame(cast("socket.socket", sent), code, payload)
    return sent.sent


def _requests() -> Iterator[bytes]:
    eight, four = "5170070104791381", "11223344"
    times = {"when": WHEN.isoformat()}
    card = {"serial8": eight, "key_version": 1, "online_atc": 1, "terminal_no6": "001122334455", **times}
    yield _request(Opcode.AUTHORISE_LOAD, NESTED)
    yield _request(Opcode.LIST_KEYS, NESTED)
    yield _request(Opcode.LIST_KEYS, _json({"custodian": "wang", "passphrase": "a wrong passphrase"}))
    key = {
        "custodian": "li",
        "passphrase": "another wrong one",
        "usage": "TAC",
        "version": 9,
        "kcv": "269296",
    }
    yield _request(Opcode.ENTER_COMPONENT, _json(key, component="00" * 16, algorithm="DES3", exportable=0))
    yield _request(Opcode.IMPORT_BLOCK, _json(key, block="D0112"))
    yield _request(Opcode.STATUS, b"") + _request(Opcode.HELLO, _json({"role": "counter"}))
    record = pack_tac_record(
        serial8=bytes.fromhex(eight), key_version=1, amount_fen=200, kind=6, terminal_no6=bytes(6), terminal_seq=1,
        when=WHEN, tac4=bytes(4),
    )  # fmt: skip
    yield _request(Opcode.VERIFY_PURCHASE_TACS, record * 3)
    yield _request(Opcode.AUTHORISE_LOAD, _json(card, rand4=four, balance_fen=0, amount_fen=100, mac1=four))
    yield _request(Opcode.AUTHORISE_UNLOAD, _json(card, rand4=four, balance_fen=0, amount_fen=100, mac1=four))
    yield _request(
        Opcode.AUTHORISE_OVERDRAFT,
        _json(card, rand4=four, balance_fen=0, old_limit_fen=0, new_limit_fen=100, mac1=four),
    )
    yield _request(Opcode.VERIFY_LOAD_TAC, _json(card, balance_after_fen=100, amount_fen=100, tac=four))
    chip = {"chip_serial8": eight, "transport_version": 1, "challenge": four}
    yield _request(Opcode.WRITE_KEY, _json(chip, slot="TAC", version=1, card_serial8=eight))
    yield _request(Opcode.MAC_COMMAND, _json(chip, header="04D68500", data="00", encrypt=0))
    maintenance = {"serial8": eight, "version": 1, "challenge": four}
    yield _request(Opcode.MAINTENANCE_COMMAND, _json(maintenance, header="841E0000", data="", encrypt=0))
    yield _request(Opcode.SEAL, pack_strings([b"t|c|1", "张明".encode()]))
    sealed = gate().answer(Peer(0, 1), Opcode.SEAL, pack_strings([b"t|c|1", b"x"]))
    yield _request(Opcode.OPEN, pack_strings([b"t|c|1", unpack_strings(sealed)[0]]))
    yield _request(Opcode.BLIND_INDEX, pack_strings([_json({"column": "t.c", "key_version": 1}), b"x"]))
    yield _request(Opcode.SIGN, pack_strings([b"hotlist", b"x"]))
    yield _request(Opcode.KEY_CHECK_VALUES, _json(chip, card_serial8=eight, version=1, slots="TAC,LOAD"))
    yield _request(
        Opcode.VERIFY_INTERNAL_AUTHENTICATE,
        _json({"serial8": eight, "key_version": 1}, mode=0, challenge8=eight, answer8=eight),
    )


def _json(common: dict[str, object], **more: object) -> bytes:
    return json.dumps({**common, **more}).encode()


@lru_cache(maxsize=1)
def genuine_blocks() -> dict[bytes, tuple[Usage, int]]:
    """A key block of every usage and algorithm, under PROTECTION_KEY."""
    blocks = {}
    for usage in Usage:
        for algorithm in algorithms_of(usage):
            size = 16 if algorithm in algorithms_of(Usage.TAC) else 32
            key = UnwrappedKey((usage, 1), Master(algorithm, bytes(range(size))), exportable=False)
            blocks[keyblock.wrap(PROTECTION_KEY, key).encode()] = (usage, 1)
    return blocks


def read_block(data: bytes) -> None:
    """A key block, taken for a key of every usage in turn: nothing but a genuine one is ever accepted."""
    block = data.decode("latin-1")
    for usage in Usage:
        try:
            keyblock.unwrap(PROTECTION_KEY, block, (usage, 1))
        except Refusal:
            continue
        hold(
            "only genuine blocks are accepted, for their own usage", genuine_blocks().get(data) == (usage, 1)
        )


@lru_cache(maxsize=1)
def register_file() -> RegisterFile:
    """A register with one key and a custodian."""
    days = {KeyState.ACTIVE: WHEN.date()}
    entry = KeyEntry(
        Usage.TAC, 1, Algorithm.DES3, "269296", KeyState.ACTIVE, days, WHEN.date(), False, "D0112"
    )
    people = (Custodian("wang", "00$00", 1, "ABCDEF"),)
    file = RegisterFile(Path(tempfile.mkdtemp(prefix="register-")))
    file.write(Register(bytes(8), "ABCDEF", people, {entry.name: entry}), PROTECTION_KEY)
    return file


def _mac(content: dict[str, str]) -> bytes:
    """The code, taken out; hex has more than one spelling."""
    return bytes.fromhex(content.pop("mac"))


def read_register(data: bytes) -> None:
    """The register as a sealed service reads it from disk, unproved; and proved, which nothing false ever is."""
    file = register_file()
    path = file._path
    genuine = genuine_register()
    path.write_bytes(data)
    with suppress(Refusal):
        file.read(None)
    with suppress(Refusal):
        file.read(PROTECTION_KEY)
        proved, written = json.loads(data), json.loads(genuine)
        hold("only a genuine code is right", _mac(proved) == _mac(written))
        hold("only a genuine register is proved", proved == written)


@lru_cache(maxsize=1)
def genuine_register() -> bytes:
    """The file's bytes as written."""
    return register_file()._path.read_bytes()


SERVICES: Final = (
    Target("keyservice", serve, _requests),
    Target("keyblock", read_block, genuine_blocks),
    Target("register", read_register, lambda: [genuine_register(), NESTED]),
)
