"""The software back end: masters in the memory of this process, grouped by what they are for."""

from __future__ import annotations

from typing import Any

from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.issuing import IssuingKeys
from citizencard.core.keyservice.keystore import KeyStore, check_value
from citizencard.core.keyservice.privacy import PrivacyKeys
from citizencard.core.keyservice.purse import PurseKeys
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.signing import SigningKeys


class Backend:
    """Everything an open service can do; no method returns a key."""

    def __init__(self, store: KeyStore) -> None:
        issuer_keys = IssuerKeys(store)
        self.purse = PurseKeys(issuer_keys)
        self.issuing = IssuingKeys(issuer_keys)
        self.privacy = PrivacyKeys(store)
        self.signing = SigningKeys(store)
        self.demo = store.demo
        self.inventory = [
            {"usage": usage, "version": version, "kcv": check_value(usage, key)}
            for (usage, version), key in sorted(store.masters.items())
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

    def status(self) -> dict[str, Any]:
        """State, demo mark, and usage, version and check value of every key held."""
        if self._backend is None:
            return {"state": "sealed", "demo": False, "keys": []}
        return {"state": "open", "demo": self._backend.demo, "keys": self._backend.inventory}
