"""Calls of custodians, for the console. Each carries name and passphrase; what comes back is a dictionary of facts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from citizencard.core.keyservice.calls.base import Calls
from citizencard.core.keyservice.keystore import Algorithm, Usage
from citizencard.core.keyservice.protocol import Opcode


@dataclass(frozen=True)
class Credentials:
    """Who a custodian is."""

    name: str
    passphrase: str = field(repr=False)


class CustodyCalls(Calls):
    """See `quorum`, `components` and `foureyes` for what each step does and refuses."""

    def begin(self, passphrases: dict[str, str], issuer_factor: bytes, token_pin: str | None) -> None:
        """Make and share the protection key."""
        self._ask(
            Opcode.BEGIN_CUSTODY, custodians=passphrases, issuer_factor=issuer_factor, token_pin=token_pin
        )

    def take_share(self, person: Credentials) -> dict[str, Any]:
        """number, value (hex), check, left."""
        return self._ask(Opcode.TAKE_SHARE, person)

    def unseal(self, person: Credentials, share: bytes) -> bool:
        """Whether the service is open now."""
        return bool(self._ask(Opcode.UNSEAL, person, share=share)["open"])

    def seal(self, person: Credentials) -> None:
        """Forget all keys until the custodians open the service again."""
        self._ask(Opcode.SEAL_SERVICE, person)

    def enter_component(
        self,
        person: Credentials,
        usage: Usage,
        version: int,
        component: bytes,
        kcv: bytes,
        *,
        algorithm: Algorithm,
        exportable: bool,
    ) -> dict[str, Any]:
        """entered, confirmed, kcv, stored."""
        return self._ask(
            Opcode.ENTER_COMPONENT,
            person,
            usage=usage,
            version=version,
            component=component,
            kcv=kcv,
            algorithm=algorithm,
            exportable=int(exportable),
        )

    def confirm_components(
        self, person: Credentials, usage: Usage, version: int, kcv: bytes
    ) -> dict[str, Any]:
        """entered, confirmed, kcv, stored."""
        return self._ask(Opcode.CONFIRM_COMPONENTS, person, usage=usage, version=version, kcv=kcv)

    def import_block(
        self, person: Credentials, usage: Usage, version: int, block: str, *, kek_version: int
    ) -> str:
        """Check value of the key that came in."""
        answer = self._ask(
            Opcode.IMPORT_BLOCK, person, usage=usage, version=version, block=block, kek_version=kek_version
        )
        return str(answer["kcv"])

    def propose(
        self,
        person: Credentials,
        action: str,
        keys: Sequence[str],
        *,
        cut_off: str | None = None,
        kek_version: int = 0,
        national: bool = False,
    ) -> int:
        """Number of the proposal; `keys` are written USAGE/VERSION, `cut_off` in ISO 8601; `national` keys to be generated."""
        answer = self._ask(
            Opcode.PROPOSE,
            person,
            action=action,
            keys=list(keys),
            cut_off=cut_off,
            kek_version=kek_version,
            national=int(national),
        )
        return int(answer["number"])

    def confirm(self, person: Credentials, number: int) -> list[str]:
        """Key blocks, if the proposal was to export some."""
        return list(self._ask(Opcode.CONFIRM, person, number=number)["blocks"])

    def disable(self, person: Credentials, keys: Sequence[str]) -> None:
        """Take keys out of use at once."""
        self._ask(Opcode.DISABLE, person, keys=list(keys))

    def list_keys(self) -> dict[str, Any]:
        """open, custodians, keys, proposals."""
        return self._ask(Opcode.LIST_KEYS)

    def _ask(self, opcode: Opcode, person: Credentials | None = None, **fields: Any) -> dict[str, Any]:
        if person is not None:
            fields |= {"custodian": person.name, "passphrase": person.passphrase}
        answer: dict[str, Any] = json.loads(self._control(opcode, **fields))
        return answer
