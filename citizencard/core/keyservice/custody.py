"""Custody of the keys in a state directory: the protection key in memory, the register on disk, the vault in use.

The protection key exists in this process only, from the moment two custodians have put it together until the service
ends or is sealed. Other processes on the same directory change the register too: it is looked at before every call.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

from citizencard.core.keyservice import keyblock
from citizencard.core.keyservice.backend import Backend, KeyRing
from citizencard.core.keyservice.custodians import Attempts, Custodian, passphrase_fits
from citizencard.core.keyservice.keyblock import UnwrappedKey
from citizencard.core.keyservice.keypolicy import RegisteredKeys, city_today
from citizencard.core.keyservice.keystore import KeyName, Usage
from citizencard.core.keyservice.lifecycle import Change, KeyState
from citizencard.core.keyservice.places import Place
from citizencard.core.keyservice.protection import ProtectionKey
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.register import KeyEntry, Register, RegisterFile
from citizencard.core.keyservice.vault import Vault

logger = logging.getLogger(__name__)


class StateDirError(Exception):
    """The state directory cannot be used; the message says why."""


def private_folder(folder: Path) -> Path:
    """The state directory, made with mode 0700 when it is not there; `StateDirError` when others may enter it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise StateDirError(f"{folder} cannot be used as state directory: {error.strerror}") from None
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise StateDirError(f"{folder} must belong to the key service's user alone (mode 0700)")
    return folder


class Custody:
    """One service's hold on the keys of a state directory. Its methods are called by authenticated custodians only."""

    def __init__(
        self,
        folder: Path,
        ring: KeyRing,
        place: Place,
        *,
        demo: bool = False,
        today: Callable[[], date] = city_today,
    ) -> None:
        self.policy = RegisteredKeys(today)
        self.today = today
        self.attempts = Attempts()
        self.place = place
        self.guard = threading.RLock()
        """Held while custodians act: one ceremony step at a time."""
        self._ring = ring
        self._demo = demo
        self._file = RegisterFile(folder)
        self._protection: ProtectionKey | None = None
        self._register: Register | None = None
        self._signature: object = None

    @property
    def begun(self) -> bool:
        """Whether there is a register."""
        return self._file.exists()

    @property
    def is_open(self) -> bool:
        """Whether the protection key is here."""
        return self._protection is not None

    @property
    def register(self) -> Register:
        """The register in force; while sealed, as it lies on disk, unproved."""
        return self._register or self._file.read(None)

    @property
    def protection(self) -> ProtectionKey:
        """The protection key; `Refusal` sealed without."""
        if self._protection is None:
            raise Refusal(Code.SEALED, "the key service is sealed")
        return self._protection

    def authenticate(self, name: str, passphrase: str) -> Custodian:
        """The custodian who knows this passphrase; `Refusal` custodian_invalid, the same for any wrong part."""
        person = self.register.custodian(name)
        # Names nobody has are counted together: they must not fill the memory.
        counted = name if person is not None else ""
        self.attempts.check(counted)
        if person is None or not passphrase_fits(person.passphrase, passphrase):
            self.attempts.failed(counted)
            raise Refusal(Code.CUSTODIAN_INVALID, "no custodian has this name and passphrase")
        self.attempts.succeeded(counted)
        return person

    def begin(self, register: Register, protection: ProtectionKey) -> None:
        """Write the first register and open with it; `Refusal` ceremony_invalid when there is one already."""
        with self.guard, self._file.exclusive():
            if self.begun:
                raise Refusal(Code.CEREMONY_INVALID, "custody was begun in this state directory already")
            self._file.write(register, protection.register_key)
        self.open(protection)

    def open(self, protection: ProtectionKey) -> None:
        """Prove the register under this key and put its keys to work; `Refusal` when either fails, nothing changed."""
        with self.guard, self._file.exclusive():
            self._adopt(self._file.read(protection.register_key), protection)
            self._protection = protection

    def seal(self) -> None:
        """Forget the protection key and all keys."""
        with self.guard:
            self._ring.put(None)
            self.policy.replace({})
            self._protection = self._register = self._signature = None
            self.place.close()

    def refresh(self) -> None:
        """Take up what another process changed in the register; if it was tampered with, seal and `Refusal`."""
        if self._protection is not None and self._file.signature() != self._signature:
            with self.guard, self._file.exclusive():
                self._reload(self.protection)

    def change(self, edit: Callable[[Register], Register]) -> None:
        """Put an edited register in force, here and on disk."""
        with self.guard, self._file.exclusive():
            protection = self.protection
            current = self._reload(protection)
            self._adopt(self._file.write(edit(current), protection.register_key), protection)

    def store(self, key: UnwrappedKey) -> KeyEntry:
        """Register a new key in state generated; `Refusal` bad_request when this version was ever there."""
        with self.guard:
            self.require_new(key.name)
            if key.name[0] is Usage.KEK:
                block: str | None = keyblock.wrap(self.protection.key, key)
            else:
                block = self.place.keep(key, self.protection)
            entry = KeyEntry(
                *key.name,
                key.master.algorithm,
                key.master.kcv,
                KeyState.GENERATED,
                {KeyState.GENERATED: self.today()},
                exportable=key.exportable,
                block=block,
            )
            self.change(lambda register: register.with_entries(entry))
            return entry

    def require_new(self, name: KeyName) -> None:
        """`Refusal` bad_request when this version was ever registered, were it long destroyed; sealed when sealed."""
        self.policy.note(name)
        _ = self.protection
        if name in self.register.entries:
            raise Refusal(Code.BAD_REQUEST, f"{name[0]} version {name[1]} is in the register already")

    def unwrapped(self, name: KeyName) -> UnwrappedKey:
        """A key out of its block; `Refusal` unsupported when a token holds it or nobody does."""
        entry = self.register.entry(name)
        if entry.block is None:
            raise Refusal(Code.UNSUPPORTED, f"{name[0]} version {name[1]} is not kept as a key block")
        return keyblock.unwrap(self.protection.key, entry.block, name)

    def check(self, change: Change, names: Iterable[KeyName], cut_off: date | None = None) -> None:
        """`Refusal` as `apply` would give now."""
        for name in names:
            self._changed(self.register.entry(name), change, cut_off)

    def apply(self, change: Change, names: Iterable[KeyName], cut_off: date | None = None) -> None:
        """Change the state of keys, all or none; `Refusal` bad_request when one is not in a state to be changed so."""
        names = list(names)

        def edit(register: Register) -> Register:
            return register.with_entries(
                *(self._changed(register.entry(name), change, cut_off) for name in names)
            )

        with self.guard:
            self.check(change, names, cut_off)
            if change is Change.DESTROY:
                for name in names:
                    self._drop(self.register.entry(name))
            self.change(edit)

    def _changed(self, entry: KeyEntry, change: Change, cut_off: date | None) -> KeyEntry:
        self.policy.note(entry.name)
        if not change.begins_in(entry.state):
            raise Refusal(
                Code.BAD_REQUEST, f"{entry.usage} version {entry.version} is {entry.state}: no {change}"
            )
        changed = entry.become(change.target, self.today())
        if change is Change.RETIRE:
            if cut_off is None or cut_off < self.today():
                raise Refusal(Code.BAD_REQUEST, "retiring takes a cut-off day that is not over")
            return replace(changed, cut_off=cut_off)
        if change is Change.DESTROY:
            if entry.state is KeyState.RETIRING and entry.cut_off and self.today() <= entry.cut_off:
                raise Refusal(Code.BAD_REQUEST, f"{entry.usage} version {entry.version} still serves")
            return replace(changed, block=None)
        return changed

    def _drop(self, entry: KeyEntry) -> None:
        if entry.block is None:
            self.place.drop(entry.name)

    def _reload(self, protection: ProtectionKey) -> Register:
        try:
            register = self._file.read(protection.register_key)
            if self._register is not None and register.serial < self._register.serial:
                raise Refusal(Code.REGISTER_INVALID, "an older key register was put back")
            self._adopt(register, protection)
        except Refusal as refusal:
            logger.error("sealed: %s", refusal.message)
            self.seal()
            raise
        return register

    def _adopt(self, register: Register, protection: ProtectionKey) -> None:
        """Go by this register: always by its states, and by a new vault when other keys are in it."""
        signature = self._file.signature()
        if self._register is None or _held(register) != _held(self._register):
            vault = self.place.open(register, protection)
            _check_values(vault, register)
            self._ring.put(Backend(vault, register.issuer_factor8, self.policy, demo=self._demo))
        self.policy.replace(register.entries)
        self._register, self._signature = register, signature


def _held(register: Register) -> frozenset[KeyName]:
    return frozenset(
        entry.name for entry in register.entries.values() if entry.state is not KeyState.DESTROYED
    )


def _check_values(vault: Vault, register: Register) -> None:
    """`Refusal` register_invalid when a key in the vault is not the one registered under its name.

    A token may hold keys that are not registered: a ceremony broke off. Nothing permits their use.
    """
    for key in vault.inventory():
        entry = register.entries.get((key.usage, key.version))
        if entry is not None and entry.kcv != key.kcv:
            raise Refusal(
                Code.REGISTER_INVALID, f"{key.usage} version {key.version} is not the key that was registered"
            )
