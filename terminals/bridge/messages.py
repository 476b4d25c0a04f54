"""What agent and hub say to each other: one JSON object per message, small, every field checked on arrival.

After connecting, the hub asks (`challenge`), the agent introduces itself (`hello`), the hub proves itself (`welcome`).
From then on the hub sends requests with an `id`, and the agent answers each under the same `id`; unasked it sends
`readers` whenever a reader or a card comes or goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from terminals.bridge.errors import GarbledMessage

MESSAGE_BYTES_MAX: Final = 16 * 1024
APDU_BYTES: Final = range(4, 262)
"""A short APDU: header, Lc, up to 255 bytes, Le."""
NONCE_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
READERS_MAX: Final = 16
NAME_MAX: Final = 128
"""PC/SC's own limit for a reader's name (MAX_READERNAME)."""
WAIT_MS_MAX: Final = 60_000
SENTENCE_MAX: Final = 500
"""Length of an error's sentence."""

UNPAIRED: Final = 4401
"""WebSocket close codes of our own (4000 and above are free for that): the hub does not know this workstation."""
REPLACED: Final = 4409
"""The same workstation has connected anew."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A reader and what is in it: the card's ATR, empty for a mute card, None for no card."""

    name: str
    atr: bytes | None

    def to_plain(self) -> dict[str, Any]:
        """As it travels."""
        return {"name": self.name, "atr": None if self.atr is None else self.atr.hex()}


class Message:
    """A message that has arrived. Reading a field checks it; GarbledMessage names field and rule, never the value."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    @classmethod
    def unpack(cls, raw: str | bytes) -> Message:
        """The message in one frame or line."""
        if len(raw) > MESSAGE_BYTES_MAX:
            raise GarbledMessage(f"a message has at most {MESSAGE_BYTES_MAX} bytes")
        try:
            fields = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise GarbledMessage("a message is a JSON object") from error
        if not isinstance(fields, dict):
            raise GarbledMessage("a message is a JSON object")
        return cls(fields)

    def __contains__(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._fields

    def text(self, name: str, length_max: int = 200) -> str:
        """A string of printable characters; a missing one is refused."""
        value = self._fields.get(name)
        if not isinstance(value, str) or len(value) > length_max or not value.isprintable():
            raise GarbledMessage(f"{name} is a printable text of at most {length_max} characters")
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise GarbledMessage(f"{name} is a number from {low} to {high}")
        return value

    def octets(self, name: str, length_min: int, length_max: int) -> bytes:
        """Bytes in hex."""
        return _octets(name, self._fields.get(name), length_min, length_max)

    def slots(self, name: str) -> tuple[Slot, ...]:
        """A list of readers."""
        values = self._fields.get(name)
        if not isinstance(values, list) or len(values) > READERS_MAX:
            raise GarbledMessage(f"{name} is a list of at most {READERS_MAX} readers")
        return tuple(_slot(value) for value in values)


def pack(**fields: Any) -> str:
    """A message, ready to send."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Meeting:
    """One handshake: who meets whom, and both sides' fresh nonces. Each side signs its own view of it."""

    workstation: str
    origin: str
    hub_nonce: bytes
    agent_nonce: bytes

    def agent_proof(self) -> bytes:
        """What the agent signs: it is this workstation, talking to that server, now."""
        return self._proof(b"citizencard bridge agent 1")

    def hub_proof(self) -> bytes:
        """What the hub signs: it is the server of that origin, talking to this workstation, now."""
        return self._proof(b"citizencard bridge hub 1")

    def _proof(self, role: bytes) -> bytes:
        # Zero bytes part the texts, which hold none; the nonces have a fixed length.
        parts = (role, self.workstation.encode(), self.origin.encode(), self.hub_nonce + self.agent_nonce)
        return b"\0".join(parts)


def _slot(value: object) -> Slot:
    if not isinstance(value, dict):
        raise GarbledMessage("a reader is a JSON object")
    fields = Message(value)
    atr = None if value.get("atr") is None else fields.octets("atr", 0, 33)
    return Slot(fields.text("name", NAME_MAX), atr)


def _octets(name: str, value: object, length_min: int, length_max: int) -> bytes:
    try:
        octets = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        octets = None
    if octets is None or not length_min <= len(octets) <= length_max:
        raise GarbledMessage(f"{name} is {length_min} to {length_max} bytes in hex")
    return octets
