"""Custody in a demonstration: a register beside the demonstration keys, so that a version can be retired or disabled.

Keys, protection key and custodians are known to everybody who reads this; production refuses the demonstration keys.
"""

from __future__ import annotations

import hashlib
from typing import Final

from citizencard.core.keyservice.custodians import Custodian, hash_passphrase
from citizencard.core.keyservice.custody import Custody
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.keyservice.lifecycle import KeyState
from citizencard.core.keyservice.protection import ProtectionKey
from citizencard.core.keyservice.register import KeyEntry, Register

PASSPHRASE: Final = "demonstration"  # noqa: S105 -- meant to be known, as the demonstration keys are
"""Every demonstration custodian's."""
_CUSTODIANS: Final = ("demo-1", "demo-2", "demo-3")
_PROTECTION: Final = ProtectionKey(hashlib.sha256(b"citizencard demonstration protection key").digest())


def open_demonstration(custody: Custody, store: KeyStore) -> None:
    """Open at once, with every demonstration key that is not in the register yet put in as active."""
    if not custody.begun:
        people = tuple(
            Custodian(name, hash_passphrase(PASSPHRASE), number, share_check="")
            for number, name in enumerate(_CUSTODIANS, start=1)
        )
        register = Register(store.issuer_factor8, _PROTECTION.kcv, people)
        custody.begin(register.with_entries(*_entries(custody, store)), _PROTECTION)
        return
    custody.open(_PROTECTION)
    added = [entry for entry in _entries(custody, store) if entry.name not in custody.register.entries]
    if added:
        custody.change(lambda register: register.with_entries(*added))


def _entries(custody: Custody, store: KeyStore) -> list[KeyEntry]:
    return [
        KeyEntry(*name, master.algorithm, master.kcv, KeyState.ACTIVE, {KeyState.ACTIVE: custody.today()})
        for name, master in store.keys.items()
    ]
