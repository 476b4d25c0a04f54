"""The protection key's ceremonies: it is made and shared once, and put together by two custodians at every start.

Any `THRESHOLD` custodians open the service; one alone cannot, however often. Nothing is stored before every custodian
has taken his share, so that a ceremony that breaks off leaves a state directory as new.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from citizencard.core.keyservice import shamir
from citizencard.core.keyservice.custodians import (
    CUSTODIANS_MAX,
    CUSTODIANS_MIN,
    Attempts,
    Custodian,
    check_of,
    hash_passphrase,
    passphrase_fits,
)
from citizencard.core.keyservice.custody import Custody
from citizencard.core.keyservice.pending import Pending
from citizencard.core.keyservice.protection import ProtectionKey
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.register import Register

THRESHOLD: Final = 2


@dataclass(frozen=True)
class Share:
    """A custodian's share as he writes it down: number, 32 bytes, check value, and how many have not taken theirs."""

    number: int
    value: bytes = field(repr=False)
    check: str
    left: int


@dataclass
class _Beginning:
    """Custody being begun: shares that are not taken yet, by custodian."""

    register: Register
    protection: ProtectionKey
    shares: dict[str, bytes] = field(repr=False)


class Quorum:
    """Begins custody, opens and seals the service."""

    def __init__(self, custody: Custody, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._custody = custody
        self._beginnings: Pending[str, _Beginning] = Pending(clock)
        self._attempts = Attempts()
        """Wrong shares; wrong passphrases are counted by the custody."""
        self._given: Pending[str, dict[int, bytes]] = Pending(clock)

    def begin(self, passphrases: Mapping[str, str], issuer_factor8: bytes, token_pin: str | None) -> None:
        """Make the protection key and share it among these custodians; a beginning that was not finished is dropped."""
        if self._custody.begun:
            raise Refusal(Code.CEREMONY_INVALID, "custody was begun in this state directory already")
        if not CUSTODIANS_MIN <= len(passphrases) <= CUSTODIANS_MAX:
            raise Refusal(
                Code.BAD_REQUEST,
                f"custody takes {CUSTODIANS_MIN} to {CUSTODIANS_MAX} custodians of different names",
            )
        protection = ProtectionKey.generate()
        shares = shamir.split(protection.key, threshold=THRESHOLD, count=len(passphrases))
        custodians = tuple(
            Custodian(name, hash_passphrase(passphrase), number, check_of(shares[number]))
            for number, (name, passphrase) in enumerate(passphrases.items(), start=1)
        )
        pin = None if token_pin is None else protection.seal_pin(token_pin)
        register = Register(issuer_factor8, protection.kcv, custodians, token_pin=pin)
        by_name = {person.name: shares[person.share_no] for person in custodians}
        self._beginnings.begin("", _Beginning(register, protection, by_name))

    def take_share(self, name: str, passphrase: str) -> Share:
        """A custodian's share, once. With the last one taken the register is written and the service open."""
        beginning = self._beginnings.find("")
        if beginning is None:
            raise Refusal(Code.CEREMONY_INVALID, "no shares are being given out")
        person = beginning.register.custodian(name)
        self._custody.attempts.check(name)
        if person is None or not passphrase_fits(person.passphrase, passphrase):
            self._custody.attempts.failed(name if person is not None else "")
            raise Refusal(Code.CUSTODIAN_INVALID, "no custodian has this name and passphrase")
        if name not in beginning.shares:
            raise Refusal(Code.CEREMONY_INVALID, "this custodian has taken his share already")
        value = beginning.shares.pop(name)
        if not beginning.shares:
            self._beginnings.end("")
            self._custody.begin(beginning.register, beginning.protection)
        return Share(person.share_no, value, person.share_check, len(beginning.shares))

    def unseal(self, person: Custodian, share: bytes) -> bool:
        """Give a share; whether the service is open now. A wrong share is dropped and the others stay."""
        if self._custody.is_open:
            raise Refusal(Code.CEREMONY_INVALID, "the key service is open")
        self._attempts.check(person.name)
        # Compared by the value written down, so that a slip of the pen is told to the one who made it.
        if not hmac.compare_digest(check_of(share), person.share_check):
            self._attempts.failed(person.name)
            raise Refusal(
                Code.CUSTODIAN_INVALID, f"this is not share {person.share_no}: its check value differs"
            )
        given = self._given.find("")
        if given is None:
            given = self._given.begin("", {})
        if person.share_no in given:
            raise Refusal(Code.CEREMONY_INVALID, "another custodian's share is needed, this one is here")
        given[person.share_no] = share
        if len(given) < THRESHOLD:
            return False
        self._given.end("")
        self._open_with(given)
        return True

    def _open_with(self, given: Mapping[int, bytes]) -> None:
        protection = ProtectionKey(shamir.combine(given))
        if protection.kcv != self._custody.register.protection_kcv:
            raise Refusal(Code.CEREMONY_INVALID, "these shares do not make the protection key")
        self._custody.open(protection)
