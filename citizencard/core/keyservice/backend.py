"""An open key service: the vault's keys, grouped by what they are for."""

from __future__ import annotations

from typing import Any

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.certificates import IdentityKeys
from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.issuing import IssuingKeys
from citizencard.core.keyservice.lifecycle import KeyPolicy
from citizencard.core.keyservice.maintenance import MaintenanceKeys
from citizencard.core.keyservice.privacy import PrivacyKeys
from citizencard.core.keyservice.proofs import ProofKeys
from citizencard.core.keyservice.purse import PurseKeys
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.signing import SigningKeys
from citizencard.core.keyservice.vault import Vault


class Backend:
    """Everything an open service can do; no method returns a master, none at all a key in clear."""

    def __init__(self, vault: Vault, issuer_factor8: bytes, policy: KeyPolicy, *, demo: bool = False) -> None:
        access = KeyAccess(vault, policy)
        issuer_keys = IssuerKeys(access, issuer_factor8)
        self.purse = PurseKeys(issuer_keys)
        self.issuing = IssuingKeys(issuer_keys)
        self.maintenance = MaintenanceKeys(issuer_keys)
        self.privacy = PrivacyKeys(access)
        self.proofs = ProofKeys(access)
        self.signing = SigningKeys(access)
        self.identity = IdentityKeys(access, issuer_keys)
        self.demo = demo
        self.inventory = [
            {"usage": key.usage, "version": key.version, "kcv": key.kcv} for key in vault.inventory()
        ]


class KeyRing:
    """The service's state: sealed until a back end with keys is put in."""

    def __init__(self, backend: Backend | None = None) -> None:
        self._backend = backend

    @property
    def backend(self) -> Backend:
        """The open back end; `Refusal` sealed while there is none."""
        if self._backend is None:
            raise Refusal(Code.SEALED, "the key service is sealed")
        return self._backend

    def put(self, backend: Backend | None) -> None:
        """Open with this back end, or seal with none."""
        self._backend = backend

    def status(self) -> dict[str, Any]:
        """State, demo mark, and usage, version and check value of every key held."""
        if self._backend is None:
            return {"state": "sealed", "demo": False, "keys": []}
        return {"state": "open", "demo": self._backend.demo, "keys": self._backend.inventory}
