"""What custodians ask of the service, one function per opcode: unpack, know who it is, act, pack.

Every request carries the custodian's name and passphrase: a connection left open is nobody's authority.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from citizencard.core.keyservice.components import ComponentEntry
from citizencard.core.keyservice.custodians import Custodian
from citizencard.core.keyservice.custody import Custody
from citizencard.core.keyservice.fields import Fields
from citizencard.core.keyservice.foureyes import Action, FourEyes, Proposal
from citizencard.core.keyservice.keyblock import BLOCK_MAX
from citizencard.core.keyservice.keystore import Algorithm, KeyName, Usage
from citizencard.core.keyservice.protection import PROTECTION_BYTES
from citizencard.core.keyservice.protocol import Opcode, to_json
from citizencard.core.keyservice.quorum import Quorum
from citizencard.core.keyservice.refusal import Code, Refusal

NAME_MAX: Final = 40
PASSPHRASE_MAX: Final = 200
_KEYS_MAX: Final = 64


class Ceremonies:
    """All ceremonies over one custody."""

    def __init__(self, custody: Custody, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.custody = custody
        self._quorum = Quorum(custody, clock=clock)
        self._components = ComponentEntry(custody, clock=clock)
        self._four_eyes = FourEyes(custody, clock=clock)
        self._handlers: dict[Opcode, Callable[[Fields], dict[str, Any]]] = {
            Opcode.BEGIN_CUSTODY: self._begin,
            Opcode.TAKE_SHARE: self._take_share,
            Opcode.UNSEAL: self._unseal,
            Opcode.SEAL_SERVICE: self._seal,
            Opcode.ENTER_COMPONENT: self._enter,
            Opcode.CONFIRM_COMPONENTS: self._confirm_components,
            Opcode.IMPORT_BLOCK: self._import,
            Opcode.PROPOSE: self._propose,
            Opcode.CONFIRM: self._confirm,
            Opcode.DISABLE: self._disable,
            Opcode.LIST_KEYS: self._list,
        }

    def answer(self, opcode: Opcode, payload: bytes) -> bytes:
        """Do one step of one ceremony; steps never run side by side."""
        with self.custody.guard:
            self.custody.refresh()
            return to_json(self._handlers[opcode](Fields(payload)))

    def _begin(self, fields: Fields) -> dict[str, Any]:
        people = fields.mapping("custodians", NAME_MAX, PASSPHRASE_MAX)
        pin = fields.optional_text("token_pin", PASSPHRASE_MAX)
        self._quorum.begin(people, fields.octets("issuer_factor", 8), pin)
        return {"custodians": list(people)}

    def _take_share(self, fields: Fields) -> dict[str, Any]:
        name, passphrase = _credentials(fields)
        return asdict(self._quorum.take_share(name, passphrase))

    def _unseal(self, fields: Fields) -> dict[str, Any]:
        person = self._person(fields)
        return {"open": self._quorum.unseal(person, fields.octets("share", PROTECTION_BYTES))}

    def _seal(self, fields: Fields) -> dict[str, Any]:
        self._person(fields)
        self.custody.seal()
        return {}

    def _enter(self, fields: Fields) -> dict[str, Any]:
        name = _key_name(fields)
        progress = self._components.enter(
            self._person(fields),
            name,
            fields.octets_between("component", 1, 32),
            _kcv(fields),
            algorithm=fields.choice("algorithm", Algorithm),
            exportable=bool(fields.integer("exportable", 0, 1)),
        )
        return asdict(progress)

    def _confirm_components(self, fields: Fields) -> dict[str, Any]:
        return asdict(self._components.confirm(self._person(fields), _key_name(fields), _kcv(fields)))

    def _import(self, fields: Fields) -> dict[str, Any]:
        self._person(fields)
        kek_version = fields.integer("kek_version", 1, 255)
        block = fields.text("block", BLOCK_MAX)
        return {"kcv": self._four_eyes.import_block(_key_name(fields), kek_version, block)}

    def _propose(self, fields: Fields) -> dict[str, Any]:
        proposal = Proposal(
            fields.choice("action", Action),
            _key_names(fields),
            self._person(fields).name,
            fields.optional_day("cut_off"),
            fields.integer("kek_version", 0, 255),
            bool(fields.integer("national", 0, 1)),
        )
        return {"number": self._four_eyes.propose(proposal)}

    def _confirm(self, fields: Fields) -> dict[str, Any]:
        blocks = self._four_eyes.confirm(self._person(fields), fields.integer("number", 1, 1 << 31))
        return {"blocks": list(blocks)}

    def _disable(self, fields: Fields) -> dict[str, Any]:
        self._person(fields)
        self._four_eyes.disable(_key_names(fields))
        return {}

    def _list(self, fields: Fields) -> dict[str, Any]:
        """Register and proposals: nothing secret, so that no passphrase is asked for."""
        register = self.custody.register
        return {
            "open": self.custody.is_open,
            "custodians": [person.name for person in register.custodians],
            "keys": [
                {
                    "usage": entry.usage,
                    "version": entry.version,
                    "algorithm": entry.algorithm,
                    "kcv": entry.kcv,
                    "state": entry.state,
                    "since": entry.days[entry.state].isoformat(),
                    "cut_off": entry.cut_off and entry.cut_off.isoformat(),
                }
                for _, entry in sorted(register.entries.items())
            ],
            "proposals": [
                {"number": number, "action": asked.action, "keys": _spelt(asked.names), "by": asked.by}
                for number, asked in self._four_eyes.open_proposals().items()
            ],
        }

    def _person(self, fields: Fields) -> Custodian:
        return self.custody.authenticate(*_credentials(fields))


def custodian_in(payload: bytes) -> str:
    """The name a request claims, for the audit log; empty when it has none."""
    try:
        name = json.loads(payload).get("custodian")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return name if isinstance(name, str) and len(name) <= NAME_MAX else ""


def _credentials(fields: Fields) -> tuple[str, str]:
    return fields.text("custodian", NAME_MAX), fields.text("passphrase", PASSPHRASE_MAX)


def _kcv(fields: Fields) -> str:
    return fields.octets("kcv", 3).hex().upper()


def _key_name(fields: Fields) -> KeyName:
    return fields.choice("usage", Usage), fields.integer("version", 1, 255)


def _key_names(fields: Fields) -> tuple[KeyName, ...]:
    """A list of keys written USAGE/VERSION, each once."""
    names = tuple(_parsed(item) for item in fields.texts("keys", _KEYS_MAX, NAME_MAX))
    if len(set(names)) != len(names):
        raise Refusal(Code.BAD_REQUEST, "a key is named twice")
    return names


def _parsed(text: str) -> KeyName:
    usage, _, version = text.partition("/")
    try:
        name = Usage(usage), int(version)
    except ValueError:
        raise Refusal(Code.BAD_REQUEST, "keys are written USAGE/VERSION") from None
    if not 1 <= name[1] <= 255:
        raise Refusal(Code.BAD_REQUEST, "key versions run from 1 to 255")
    return name


def _spelt(names: tuple[KeyName, ...]) -> list[str]:
    return [f"{usage}/{version}" for usage, version in names]
