"""Shared by all groups of calls: the channel, control calls in JSON and bulk calls in bounded pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from citizencard.core.keyservice import protocol
from citizencard.core.keyservice.channel import Channel
from citizencard.core.keyservice.protocol import Opcode
from citizencard.core.keyservice.roles import Role

REQUEST_TIMEOUT_S: Final = 30.0
BULK_BYTES: Final = 1024 * 1024
"""Payload of one bulk request: a quarter of the frame limit, so that answers grown by envelopes still fit."""
_OVERHEAD: Final = 64
"""Counted per item for its lengths and its envelope."""

Item = TypeVar("Item")


class Calls:
    """Holds the channel to the service."""

    def __init__(
        self, socket_path: Path, *, role: Role = Role.WEB, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        self._channel = Channel(socket_path, role, timeout_s=timeout_s)

    def close(self) -> None:
        """Drop the calling thread's connection; the next call makes a new one."""
        self._channel.close()

    def _control(self, opcode: Opcode, **fields: Any) -> bytes:
        if "when" in fields:
            fields["when"] = fields["when"].isoformat(timespec="seconds")
        return self._channel.call(opcode, protocol.to_json(fields))

    def _verdict(self, opcode: Opcode, **fields: Any) -> bool:
        return self._control(opcode, **fields) == b"\x01"

    def _bulk(self, opcode: Opcode, pairs: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        for chunk in chunks(pairs, lambda pair: len(pair[0]) + len(pair[1])):
            payload = protocol.pack_strings(part for pair in chunk for part in pair)
            yield from protocol.unpack_strings(self._channel.call(opcode, payload))


def chunks(items: list[Item], size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Runs of consecutive items of about `BULK_BYTES` together."""
    chunk: list[Item] = []
    held = 0
    for item in items:
        chunk.append(item)
        held += size_of(item) + _OVERHEAD
        if held >= BULK_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk
