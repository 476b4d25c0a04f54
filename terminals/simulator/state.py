"""EEPROM images of the simulated card and SAM. Plain values only, so that an image is one readable JSON object."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from terminals.card.commands import DEPOSIT
from terminals.simulator.store import Content

HEX = "hex:"
PIN_TRIES = 3
CONTROL_TRIES = 3


class Phase(StrEnum):
    """Life of a chip."""

    BLANK = "blank"
    ACTIVE = "active"
    BLOCKED = "blocked"
    LOCKED = "locked"
    """Application blocked for good."""
    DEAD = "dead"
    """Card blocked: it answers nothing any more."""


def _pack(value: Any) -> Any:
    if isinstance(value, bytes):
        return HEX + value.hex()
    if isinstance(value, dict):
        return {str(key): _pack(item) for key, item in value.items()}
    return [_pack(item) for item in value] if isinstance(value, list) else value


def _unpack(value: Any) -> Any:
    if isinstance(value, str):
        return bytes.fromhex(value[len(HEX) :]) if value.startswith(HEX) else value
    if isinstance(value, dict):
        return {int(key): _unpack(item) for key, item in value.items()}
    return [_unpack(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, kw_only=True)
class ChipState:
    """What card and SAM have in common. `keys` maps `slot << 8 | version` to 16 bytes, `files` SFI to content."""

    chip_serial: bytes
    transport_key: bytes
    phase: Phase = Phase.BLANK
    files: dict[int, bytes] = field(default_factory=dict)
    keys: dict[int, bytes] = field(default_factory=dict)
    mac_failures: int = 0

    def pack(self) -> Content:
        """The image as JSON values."""
        return {place.name: _pack(getattr(self, place.name)) for place in fields(self)}

    @classmethod
    def unpack(cls, content: Content) -> Self:
        """Inverse of `pack`."""
        values = {name: _unpack(value) for name, value in content.items()}
        return cls(**values | {"phase": Phase(values["phase"])})


@dataclass(frozen=True, slots=True)
class Account:
    """One of a card's two purses: money, limit, counters and log of its own. The balance includes the limit."""

    balance_fen: int
    overdraft_limit_fen: int
    online_atc: int
    offline_atc: int
    log: list[bytes]

    @property
    def funds_fen(self) -> int:
        """The holder's own money; negative when the overdraft is in use."""
        return self.balance_fen - self.overdraft_limit_fen


@dataclass(frozen=True, kw_only=True)
class CardState(ChipState):
    """A card's EEPROM; an image written before a field existed opens with that field's default.

    `proof` is kind1 | atc2 | MAC4 | TAC4 of the last transaction, or empty. The electronic purse has the plain names,
    the electronic deposit those with `deposit_`. `records` are the variable records of a file by SFI.
    `identity_key` is the private scalar of the electronic identity, 32 bytes, `identity_certificate` its DER.
    """

    profile: str
    pin: bytes = b""
    pin_tries: int = 0
    pin_limit: int = PIN_TRIES
    balance_fen: int = 0
    overdraft_limit_fen: int = 0
    online_atc: int = 0
    offline_atc: int = 0
    log: list[bytes] = field(default_factory=list)
    trips: list[bytes] = field(default_factory=list)
    proof: bytes = b""
    deposit_balance_fen: int = 0
    deposit_overdraft_limit_fen: int = 0
    deposit_online_atc: int = 0
    deposit_offline_atc: int = 0
    deposit_log: list[bytes] = field(default_factory=list)
    records: dict[int, list[bytes]] = field(default_factory=dict)
    control_tries: int = CONTROL_TRIES
    identity_key: bytes = b""
    identity_certificate: bytes = b""

    def account(self, purse: int) -> Account:
        """The purse of a selector (P2 of the purse commands)."""
        return Account(
            **{place.name: getattr(self, _prefix(purse) + place.name) for place in fields(Account)}
        )

    @staticmethod
    def account_changes(purse: int, account: Account) -> dict[str, Any]:
        """What to commit so that the purse of a selector becomes `account`."""
        return {_prefix(purse) + place.name: getattr(account, place.name) for place in fields(Account)}


def _prefix(purse: int) -> str:
    return "deposit_" if purse == DEPOSIT else ""


@dataclass(frozen=True, kw_only=True)
class SamState(ChipState):
    """A SAM's EEPROM; `terminal_seq` is the number the next purchase gets."""

    terminal_seq: int = 1
