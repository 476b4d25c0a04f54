"""Django's way to the keys: typed calls to the key service, in bulk where a batch needs it.

Amounts are fen; times are the device's (aware ones are taken to Asia/Shanghai); serials are the rightmost 8 bytes of
the application serial. Every call may raise `KeyServiceError` (refused) or `KeyServiceUnavailable` (down, sealed, busy).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from django.conf import settings

from citizencard.core.keyservice import protocol
from citizencard.core.keyservice.channel import Channel
from citizencard.core.keyservice.issuing import Target
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.protocol import Opcode
from citizencard.core.keyservice.signing import SignPurpose

REQUEST_TIMEOUT_S: Final = 30.0
_BULK_BYTES: Final = 1024 * 1024
"""Payload of one bulk request: a quarter of the frame, so that envelopes grown by 34 bytes still fit the answer."""
_TAC_CHUNK: Final = _BULK_BYTES // protocol.TAC_RECORD * protocol.TAC_RECORD

Item = TypeVar("Item")


@dataclass(frozen=True)
class KeyVersion:
    """One key the service holds: usage, version, check value (6 hex digits)."""

    usage: str
    version: int
    kcv: str


@dataclass(frozen=True)
class Status:
    """State ("open" or "sealed"), whether the keys are demonstration keys, and what is held."""

    state: str
    demo: bool
    keys: tuple[KeyVersion, ...]


class KeyServiceClient:
    """One client serves a whole process: each thread gets its own connection."""

    def __init__(self, socket_path: Path, *, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._channel = Channel(socket_path, timeout_s=timeout_s)

    def close(self) -> None:
        """Drop the calling thread's connection; the next call makes a new one."""
        self._channel.close()

    def status(self) -> Status:
        """State and inventory. A sealed service answers this too; only an absent one is `KeyServiceUnavailable`."""
        content = json.loads(self._channel.call(Opcode.STATUS, b""))
        return Status(content["state"], content["demo"], tuple(KeyVersion(**key) for key in content["keys"]))

    def verify_purchase_tacs(self, packed: bytes) -> bytes:
        """One byte per 35-byte record of `protocol.pack_tac_record`: 1 TAC right, 0 wrong or key version unknown."""
        verdicts = [
            self._channel.call(Opcode.VERIFY_PURCHASE_TACS, packed[at : at + _TAC_CHUNK])
            for at in range(0, len(packed), _TAC_CHUNK)
        ]
        return b"".join(verdicts)

    def authorise_load(
        self,
        *,
        serial8: bytes,
        key_version: int,
        rand4: bytes,
        online_atc: int,
        balance_fen: int,
        amount_fen: int,
        terminal_no6: bytes,
        mac1: bytes,
        when: datetime,
    ) -> bytes:
        """MAC2 (4 bytes) for CREDIT FOR LOAD after the card's MAC1 proved right, else refusal `mac_invalid`.

        `online_atc` and `balance_fen` as INITIALIZE FOR LOAD answered them (counter before increment).
        """
        return self._control(
            Opcode.AUTHORISE_LOAD,
            serial8=serial8,
            key_version=key_version,
            rand4=rand4,
            online_atc=online_atc,
            balance_fen=balance_fen,
            amount_fen=amount_fen,
            terminal_no6=terminal_no6,
            mac1=mac1,
            when=when,
        )

    def verify_load_tac(
        self,
        *,
        serial8: bytes,
        key_version: int,
        balance_after_fen: int,
        online_atc: int,
        amount_fen: int,
        terminal_no6: bytes,
        when: datetime,
        tac: bytes,
    ) -> bool:
        """Whether the chip confirms the load; `online_atc` before increment, `when` the time sent with MAC2."""
        verdict = self._control(
            Opcode.VERIFY_LOAD_TAC,
            serial8=serial8,
            key_version=key_version,
            balance_after_fen=balance_after_fen,
            online_atc=online_atc,
            amount_fen=amount_fen,
            terminal_no6=terminal_no6,
            when=when,
            tac=tac,
        )
        return verdict == b"\x01"

    def write_key_command(
        self,
        *,
        target: Target,
        usage: Usage,
        key_version: int,
        serial8: bytes,
        chip_serial8: bytes,
        p1: int,
        p2: int,
        header: bytes,
        challenge: bytes,
        transport_version: int = 1,
    ) -> bytes:
        """A ready WRITE KEY APDU for a blank chip: the key for (usage, version, serial) under its transport key.

        `header` is the 5 bytes that stand before the key in the key record. A SAM gets PURCHASE at the issuer's level.
        """
        return self._control(
            Opcode.WRITE_KEY,
            target=target,
            usage=usage,
            key_version=key_version,
            serial8=serial8,
            chip_serial8=chip_serial8,
            p1=p1,
            p2=p2,
            header=header,
            challenge=challenge,
            transport_version=transport_version,
        )

    def mac_command(
        self, *, usage: Usage, key_version: int, serial8: bytes, command: bytes, challenge: bytes
    ) -> bytes:
        """`command` (CLA INS P1 P2 data) with Lc and secure-messaging MAC.

        `usage` TRANSPORT takes the chip serial (while personalising), MAINTENANCE the application serial.
        """
        return self._control(
            Opcode.MAC_COMMAND,
            usage=usage,
            key_version=key_version,
            serial8=serial8,
            command=command,
            challenge=challenge,
        )

    def seal_fields(self, items: Sequence[tuple[str, str]]) -> list[bytes]:
        """Envelopes of (place, plaintext) pairs; the place `table|column|row id` must be the same when opening."""
        pairs = [(place.encode(), plaintext.encode()) for place, plaintext in items]
        return list(self._bulk(Opcode.SEAL, pairs))

    def open_fields(self, items: Sequence[tuple[str, bytes]]) -> list[str]:
        """Plaintexts of (place, envelope) pairs; refusal `envelope_invalid` if one was changed or moved."""
        pairs = [(place.encode(), bytes(sealed)) for place, sealed in items]
        return [plaintext.decode() for plaintext in self._bulk(Opcode.OPEN, pairs)]

    def blind_index(self, column: str, values: Sequence[str], *, key_version: int = 1) -> list[bytes]:
        """32-byte keyed index of each (already normalised) value. A new key version means a new index column."""
        head = protocol.to_json({"column": column, "key_version": key_version})
        indexes: list[bytes] = []
        for chunk in _chunks([value.encode() for value in values], len):
            packed = self._channel.call(Opcode.BLIND_INDEX, protocol.pack_strings([head, *chunk]))
            indexes += [packed[at : at + 32] for at in range(0, len(packed), 32)]
        return indexes

    def sign(self, purpose: SignPurpose, data: bytes) -> bytes:
        """Ed25519 signature, 64 bytes. Sign a digest where `data` could pass 4 MiB."""
        return self._channel.call(Opcode.SIGN, protocol.pack_strings([purpose.encode(), data]))

    def public_key(self, purpose: SignPurpose) -> bytes:
        """Raw Ed25519 public key, 32 bytes."""
        return self._channel.call(Opcode.PUBLIC_KEY, protocol.pack_strings([purpose.encode(), b""]))

    def _control(self, opcode: Opcode, **fields: Any) -> bytes:
        if "when" in fields:
            fields["when"] = protocol.local_time(fields["when"]).isoformat(timespec="seconds")
        return self._channel.call(opcode, protocol.to_json(fields))

    def _bulk(self, opcode: Opcode, pairs: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        for chunk in _chunks(pairs, lambda pair: len(pair[0]) + len(pair[1])):
            payload = protocol.pack_strings(part for pair in chunk for part in pair)
            yield from protocol.unpack_strings(self._channel.call(opcode, payload))


def _chunks(items: list[Item], size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Runs of items of about `_BULK_BYTES` together; every item counts 64 bytes for its lengths and its envelope."""
    chunk: list[Item] = []
    held = 0
    for item in items:
        chunk.append(item)
        held += size_of(item) + 64
        if held >= _BULK_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


@lru_cache(maxsize=8)
def _client_for(socket_path: str) -> KeyServiceClient:
    return KeyServiceClient(Path(socket_path))


def key_service() -> KeyServiceClient:
    """The process's client of `settings.KEY_SERVICE_SOCKET`."""
    return _client_for(settings.KEY_SERVICE_SOCKET)
