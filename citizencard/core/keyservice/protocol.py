"""Wire format of the key service: frames, opcodes and the packed forms of bulk data.

A request is `length4 | opcode1 | payload`, an answer `length4 | status1 | payload`; the length counts what follows it.
Control calls carry JSON (byte strings as hex), bulk calls packed bytes. An error answer carries JSON {code, message}.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card.crypto import purchase_tac_input

MAX_FRAME: Final = 4 * 1024 * 1024
TAC_RECORD: Final = 35
"""card serial8 | key version1 | TAC input22 | TAC4."""
WRONG, RIGHT, UNCHECKED = range(3)
"""Verdicts on a TAC, a byte each. Unchecked: the key is there, but its version may not be used now."""
_LENGTH: Final = struct.Struct(">I")


class Opcode(IntEnum):
    """What is asked; one byte on the wire. Who may ask it stands in `roles.OPERATIONS`; 0x60 to 0x6F are custody's."""

    STATUS = 0x01
    HELLO = 0x02
    VERIFY_PURCHASE_TACS = 0x10
    AUTHORISE_LOAD = 0x11
    VERIFY_LOAD_TAC = 0x12
    AUTHORISE_UNLOAD = 0x13
    VERIFY_UNLOAD_MAC3 = 0x14
    AUTHORISE_OVERDRAFT = 0x15
    VERIFY_OVERDRAFT_TAC = 0x16
    WRITE_KEY = 0x20
    MAC_COMMAND = 0x21
    MAINTENANCE_COMMAND = 0x22
    SEAL = 0x30
    OPEN = 0x31
    BLIND_INDEX = 0x32
    PROOF_SALTS = 0x33
    SIGN = 0x40
    PUBLIC_KEY = 0x41
    ISSUE_CERTIFICATE = 0x50
    CARD_CA_CERTIFICATES = 0x51
    KEY_CHECK_VALUES = 0x52
    VERIFY_INTERNAL_AUTHENTICATE = 0x53
    BEGIN_CUSTODY = 0x60
    TAKE_SHARE = 0x61
    UNSEAL = 0x62
    SEAL_SERVICE = 0x63
    ENTER_COMPONENT = 0x64
    CONFIRM_COMPONENTS = 0x65
    IMPORT_BLOCK = 0x66
    PROPOSE = 0x67
    CONFIRM = 0x68
    DISABLE = 0x69
    LIST_KEYS = 0x6A


class Answer(IntEnum):
    """First byte of an answer."""

    OK = 0
    REFUSED = 1


def pack_tac_record(
    *,
    serial8: bytes,
    key_version: int,
    amount_fen: int,
    kind: int,
    terminal_no6: bytes,
    terminal_seq: int,
    when: datetime,
    tac4: bytes,
) -> bytes:
    """One 35-byte record for `KeyServiceClient.verify_purchase_tacs`.

    `kind` is the transaction type byte (06 purchase, 09 compound), `when` the terminal's time. ValueError when a
    field has the wrong length, since a shifted record would be judged as somebody else's.
    """
    covered = purchase_tac_input(amount_fen, kind, terminal_no6, terminal_seq, when)
    record = serial8 + bytes([key_version]) + covered + tac4
    if len(serial8) != 8 or len(tac4) != 4 or len(record) != TAC_RECORD:
        raise ValueError("TAC record fields must be serial 8, terminal 6 and TAC 4 bytes")
    return record


def pack_strings(strings: Iterable[bytes]) -> bytes:
    """Byte strings one after another, each behind its 4-byte length."""
    return b"".join(_LENGTH.pack(len(item)) + item for item in strings)


def unpack_strings(packed: bytes) -> list[bytes]:
    """Inverse of `pack_strings`; `Refusal` bad_request when a length runs past the end."""
    strings, offset = [], 0
    while offset < len(packed):
        body = offset + _LENGTH.size
        if body > len(packed):
            raise Refusal(Code.BAD_REQUEST, "truncated list of byte strings")
        offset = body + _LENGTH.unpack_from(packed, offset)[0]
        if offset > len(packed):
            raise Refusal(Code.BAD_REQUEST, "truncated list of byte strings")
        strings.append(packed[body:offset])
    return strings


def count_strings(packed: bytes) -> int:
    """How many strings `pack_strings` has packed, without taking them out; `Refusal` as `unpack_strings`."""
    count, offset = 0, 0
    while offset + _LENGTH.size <= len(packed):
        offset += _LENGTH.size + _LENGTH.unpack_from(packed, offset)[0]
        count += 1
    if offset != len(packed):
        raise Refusal(Code.BAD_REQUEST, "truncated list of byte strings")
    return count


def to_json(fields: dict[str, Any]) -> bytes:
    """Compact JSON; byte strings become hex."""
    return json.dumps(fields, separators=(",", ":"), default=lambda value: bytes(value).hex()).encode()


def send_frame(connection: socket.socket, kind: int, payload: bytes) -> None:
    """Write one frame. `Refusal` too_large before a single byte is sent."""
    if len(payload) >= MAX_FRAME:
        raise Refusal(Code.TOO_LARGE, f"a frame carries less than {MAX_FRAME} bytes")
    connection.sendall(_LENGTH.pack(len(payload) + 1) + bytes([kind]) + payload)


def receive_frame(connection: socket.socket, *, patience_s: float | None = None) -> tuple[int, bytes] | None:
    """Read one frame as (kind, payload); None when the peer has closed between frames.

    `patience_s` bounds each read once a frame has begun, so that a stalled peer does not hold a thread for ever.
    ConnectionError when the peer leaves inside a frame, `Refusal` when the announced length is out of bounds.
    """
    first = connection.recv(_LENGTH.size)
    if not first:
        return None
    if patience_s is not None:
        connection.settimeout(patience_s)
    head = first + _receive_exactly(connection, _LENGTH.size - len(first))
    length = _LENGTH.unpack(head)[0]
    if not 1 <= length <= MAX_FRAME:
        raise Refusal(Code.TOO_LARGE, f"a frame carries between 1 and {MAX_FRAME} bytes")
    body = _receive_exactly(connection, length)
    return body[0], body[1:]


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(min(count - len(received), 1 << 18))
        if not chunk:
            raise ConnectionError("peer closed inside a frame")
        received += chunk
    return bytes(received)
