"""The vault as the life cycle of its keys allows it to be used: every key operation asks here first."""

from __future__ import annotations

from citizencard.core.keyservice.keystore import Algorithm, Usage
from citizencard.core.keyservice.lifecycle import Intent, KeyPolicy, demand
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.vault import Vault


class KeyAccess:
    """A vault and the policy over its keys."""

    def __init__(self, vault: Vault, policy: KeyPolicy) -> None:
        self.vault = vault
        self._policy = policy
        self._algorithms = {(key.usage, key.version): key.algorithm for key in vault.inventory()}

    def require(self, usage: Usage, version: int, intent: Intent) -> Algorithm:
        """The key's algorithm when it may be used so now; `Refusal` unknown_key or key_not_permitted."""
        algorithm = self._algorithms.get((usage, version))
        if algorithm is None:
            raise Refusal(Code.UNKNOWN_KEY, f"no {usage} key of version {version}")
        demand(self._policy, usage, version, intent)
        return algorithm

    def current(self, usage: Usage) -> int:
        """The version new things are made with; `Refusal` unknown_key when there is none."""
        version = self._policy.current(usage)
        self.require(usage, version, Intent.ISSUE)
        return version

    def derive(self, usage: Usage, version: int, info: bytes) -> bytes:
        """A 32-byte key of one purpose: HKDF-Expand (RFC 5869, section 2.3) with the master as pseudorandom key.

        HKDF's first step is left out as section 3.3 allows, since a master is random; a token could not do that step.
        """
        return self.vault.mac(usage, version, info + b"\x01")
