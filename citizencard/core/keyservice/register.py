"""The key register: every key with algorithm, check value, state and dates, and the key itself as a key block.

One JSON file, written whole and atomically, under an HMAC whose key derives from the protection key: a register that
somebody has edited is refused when the service opens, and while it is open. Its serial number only ever grows.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from citizencard.core.keyservice.custodians import Custodian
from citizencard.core.keyservice.keystore import Algorithm, KeyName, Usage
from citizencard.core.keyservice.lifecycle import KeyState
from citizencard.core.keyservice.refusal import Code, Refusal

FORMAT: Final = 1
KCV_METHODS: Final = {
    Algorithm.DES3: "DES3-ECB of 8 zero bytes",
    Algorithm.SM4: "SM4-CMAC of 16 zero bytes",
    Algorithm.AES: "AES-CMAC of 16 zero bytes",
    Algorithm.HMAC: "HMAC-SHA256 of 'key check value'",
    Algorithm.HMAC_SM3: "HMAC-SM3 of 'key check value'",
    Algorithm.SEED: "HMAC-SHA256 of 'key check value'",
}
"""How a check value was made, written beside it; always the first 3 bytes."""


@dataclass(frozen=True)
class KeyEntry:
    """One version of one usage. `days` holds the day each state began; `cut_off` is the last day a retiring key serves.

    `block` is the key under the protection key (`keyblock`), None when a token holds the key or nobody does any more.
    """

    usage: Usage
    version: int
    algorithm: Algorithm
    kcv: str
    state: KeyState
    days: Mapping[KeyState, date]
    cut_off: date | None = None
    exportable: bool = False
    block: str | None = field(default=None, repr=False)

    @property
    def name(self) -> KeyName:
        """Usage and version."""
        return self.usage, self.version

    def become(self, state: KeyState, day: date) -> KeyEntry:
        """The entry in a new state from this day on."""
        return replace(self, state=state, days={**self.days, state: day})


@dataclass(frozen=True)
class Register:
    """The whole content of the file."""

    issuer_factor8: bytes
    protection_kcv: str
    custodians: tuple[Custodian, ...]
    entries: Mapping[KeyName, KeyEntry] = field(default_factory=dict)
    token_pin: str | None = field(default=None, repr=False)
    """The token's PIN, sealed under the protection key (hex), where a token holds the masters."""
    serial: int = 0

    def custodian(self, name: str) -> Custodian | None:
        """The custodian of this name."""
        return next((person for person in self.custodians if person.name == name), None)

    def entry(self, name: KeyName) -> KeyEntry:
        """The entry; `Refusal` unknown_key when there is none."""
        try:
            return self.entries[name]
        except KeyError:
            raise Refusal(Code.UNKNOWN_KEY, f"no {name[0]} key of version {name[1]}") from None

    def with_entries(self, *changed: KeyEntry) -> Register:
        """The register with these entries put in or exchanged."""
        return replace(self, entries={**self.entries, **{entry.name: entry for entry in changed}})


class RegisterFile:
    """The file in a state directory. Its key may be missing (service sealed): then content is read on trust only."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "register.json"
        self._lock = folder / "register.lock"

    def exists(self) -> bool:
        """Whether custody was ever begun here."""
        return self._path.exists()

    def signature(self) -> tuple[int, int, int] | None:
        """What changes when the file does; None when it is gone. Costs one system call."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self, mac_key: bytes | None) -> Register:
        """The register; `Refusal` register_invalid when it cannot be read or its code does not verify."""
        try:
            content = json.loads(self._path.read_bytes())
            code = bytes.fromhex(content.pop("mac"))
            if mac_key is not None and not hmac.compare_digest(code, _mac(mac_key, content)):
                raise Refusal(Code.REGISTER_INVALID, "the key register was changed by somebody else")
            return _register_from(content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Refusal(
                Code.REGISTER_INVALID, f"the key register cannot be read ({type(error).__name__})"
            ) from None

    def write(self, register: Register, mac_key: bytes) -> Register:
        """Put a new register in the place of the old one, durably; the register as written, one serial on."""
        register = replace(register, serial=register.serial + 1)
        content = _content_of(register)
        content["mac"] = _mac(mac_key, content).hex()
        beside = self._path.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
        return register

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the register against the other processes on this state directory while it is changed."""
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _mac(mac_key: bytes, content: Mapping[str, Any]) -> bytes:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(mac_key, canonical, hashlib.sha256)


def _content_of(register: Register) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "serial": register.serial,
        "issuer_factor": register.issuer_factor8.hex().upper(),
        "protection_kcv": register.protection_kcv,
        "token_pin": register.token_pin,
        "custodians": [
            {part.name: getattr(person, part.name) for part in fields(person)}
            for person in register.custodians
        ],
        "keys": [_entry_content(entry) for _, entry in sorted(register.entries.items())],
    }


def _entry_content(entry: KeyEntry) -> dict[str, Any]:
    return {
        "usage": entry.usage,
        "version": entry.version,
        "algorithm": entry.algorithm,
        "kcv": entry.kcv,
        "kcv_method": KCV_METHODS[entry.algorithm],
        "state": entry.state,
        "days": {state: day.isoformat() for state, day in entry.days.items()},
        "cut_off": entry.cut_off and entry.cut_off.isoformat(),
        "exportable": entry.exportable,
        "block": entry.block,
    }


def _register_from(content: Mapping[str, Any]) -> Register:
    if content["format"] != FORMAT:
        raise ValueError("unknown format")
    entries = [_entry_from(item) for item in content["keys"]]
    return Register(
        issuer_factor8=bytes.fromhex(content["issuer_factor"]),
        protection_kcv=content["protection_kcv"],
        custodians=tuple(Custodian(**item) for item in content["custodians"]),
        entries={entry.name: entry for entry in entries},
        token_pin=content["token_pin"],
        serial=content["serial"],
    )


def _entry_from(item: Mapping[str, Any]) -> KeyEntry:
    if not re.fullmatch("[0-9A-F]{6}", item["kcv"]):
        raise ValueError("not a check value")
    return KeyEntry(
        usage=Usage(item["usage"]),
        version=item["version"],
        algorithm=Algorithm(item["algorithm"]),
        kcv=item["kcv"],
        state=KeyState(item["state"]),
        days={KeyState(state): date.fromisoformat(day) for state, day in item["days"].items()},
        cut_off=item["cut_off"] and date.fromisoformat(item["cut_off"]),
        exportable=item["exportable"],
        block=item["block"],
    )
