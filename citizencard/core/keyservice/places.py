"""Where masters are kept: as key blocks in the register and in clear in this process, or in a PKCS#11 token."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from citizencard.core.keyservice import keyblock
from citizencard.core.keyservice.keyblock import UnwrappedKey
from citizencard.core.keyservice.keystore import KeyName, Master, Usage
from citizencard.core.keyservice.lifecycle import KeyState
from citizencard.core.keyservice.protection import ProtectionKey
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.register import Register
from citizencard.core.keyservice.vault import Vault
from citizencard.core.keyservice.vault_software import SoftwareVault

if TYPE_CHECKING:
    from citizencard.core.keyservice.vault_pkcs11 import Pkcs11Vault


class Place(Protocol):
    """Keeps masters over a restart and hands out the vault that computes with them."""

    def open(self, register: Register, protection: ProtectionKey) -> Vault:
        """The vault with every key of the register that is not destroyed; `Refusal` when one does not open."""

    def keep(self, key: UnwrappedKey, protection: ProtectionKey) -> str | None:
        """Keep a new master: the block to be registered, or None when it is kept elsewhere."""

    def drop(self, name: KeyName) -> None:
        """Destroy a master wherever else than in the register it is kept; one that is gone already is fine."""

    def close(self) -> None:
        """Close every vault opened here: their keys are given up."""


class MemoryPlace(Place):
    """Blocks in the register; beside them the demonstration keys, where the service was given any."""

    def __init__(self, demonstration: Mapping[KeyName, Master] | None = None) -> None:
        self._demonstration = demonstration or {}
        self._vault = SoftwareVault({})

    def open(self, register: Register, protection: ProtectionKey) -> Vault:
        """Unwrap every block."""
        masters: dict[KeyName, Master] = {}
        for entry in register.entries.values():
            if entry.block is not None and entry.usage is not Usage.KEK:
                masters[entry.name] = keyblock.unwrap(protection.key, entry.block, entry.name).master
            elif entry.name in self._demonstration and entry.state is not KeyState.DESTROYED:
                masters[entry.name] = self._demonstration[entry.name]
        self._vault = SoftwareVault(masters)
        return self._vault

    def keep(self, key: UnwrappedKey, protection: ProtectionKey) -> str:
        """The key block."""
        return keyblock.wrap(protection.key, key)

    def drop(self, name: KeyName) -> None:
        """Nothing: the register drops the block."""

    def close(self) -> None:
        """Forget the masters."""
        self._vault.close()


class TokenPlace(Place):
    """A token; its PIN lies in the register, sealed under the protection key, so that the custodians open it too."""

    def __init__(self, module: Path, label: str) -> None:
        self._module = module
        self._label = label
        self._vaults: list[Pkcs11Vault] = []

    def open(self, register: Register, protection: ProtectionKey) -> Vault:
        """Log in with the PIN of the register; `Refusal` vault_unavailable as `Pkcs11Vault`."""
        # Imported here: the library is only there where tokens are used.
        from citizencard.core.keyservice.vault_pkcs11 import Pkcs11Vault

        if register.token_pin is None:
            raise Refusal(Code.REGISTER_INVALID, "the key register holds no PIN of a token")
        # An earlier vault stays open: calls may still be under way in it.
        self._vaults.append(Pkcs11Vault(self._module, self._label, protection.open_pin(register.token_pin)))
        return self._vaults[-1]

    def keep(self, key: UnwrappedKey, protection: ProtectionKey) -> None:
        """Put it into the token, which does not give it out again."""
        if key.exportable:
            raise Refusal(Code.UNSUPPORTED, "a token gives no key out: it cannot be exportable")
        self._opened().import_master(*key.name, key.master)

    def drop(self, name: KeyName) -> None:
        """Destroy the object in the token."""
        try:
            self._opened().destroy_master(*name)
        except Refusal as refusal:
            if refusal.code is not Code.UNKNOWN_KEY:
                raise

    def close(self) -> None:
        """Log out."""
        while self._vaults:
            self._vaults.pop().close()

    def _opened(self) -> Pkcs11Vault:
        if not self._vaults:
            raise Refusal(Code.SEALED, "the key service is sealed")
        return self._vaults[-1]
