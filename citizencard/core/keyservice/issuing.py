"""Commands that put keys into chips and SAMs, ready to send: encrypted and MACed, so no clear key leaves the service."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card.crypto import secure_messaging_mac, wrap_write_key

KEY_HEADER: Final = 5
"""Bytes before the key in a key record. One fixed length: with ECB a free one would let a caller shift the key
across block borders and learn it byte by byte from repeated ciphertext."""

_CARD_USAGES: Final = frozenset(
    {Usage.PURCHASE, Usage.LOAD, Usage.TAC, Usage.MAINTENANCE, Usage.PIN_UNBLOCK, Usage.PIN_RELOAD}
)
_SAM_USAGES: Final = frozenset({Usage.PURCHASE, Usage.MAINTENANCE})
_MACED_INSTRUCTIONS: Final = frozenset({0x16, 0x18, 0x1E, 0x24, 0xD6, 0xDC, 0xE2})
"""CARD BLOCK, APPLICATION UNBLOCK and BLOCK, PIN UNBLOCK, UPDATE BINARY, UPDATE and APPEND RECORD. Not WRITE KEY."""


class Target(StrEnum):
    """What is being written: a card holds its own keys, a SAM the issuer's masters for the cards it meets."""

    CARD = "card"
    SAM = "sam"


class IssuingKeys:
    """Personalisation under a blank chip's transport key, maintenance under the issued chip's own key."""

    def __init__(self, keys: IssuerKeys) -> None:
        self._keys = keys

    def write_key(
        self,
        *,
        target: Target,
        usage: Usage,
        key_version: int,
        serial8: bytes,
        chip_serial8: bytes,
        transport_version: int,
        p1: int,
        p2: int,
        header: bytes,
        challenge: bytes,
    ) -> bytes:
        """The whole WRITE KEY APDU for one key slot; the key is derived here from usage, version and serial."""
        if usage not in (_CARD_USAGES if target is Target.CARD else _SAM_USAGES):
            raise Refusal(Code.BAD_REQUEST, f"a {target} does not hold a {usage} key")
        transport = self._keys.card_key(Usage.TRANSPORT, transport_version, chip_serial8)
        if target is Target.SAM and usage is Usage.PURCHASE:
            key = self._keys.issuer_key(usage, key_version)
        else:
            key = self._keys.card_key(usage, key_version, serial8)
        return wrap_write_key(transport, p1, p2, header + key, challenge)

    def mac_command(
        self, *, usage: Usage, key_version: int, serial8: bytes, command: bytes, challenge: bytes
    ) -> bytes:
        """`command` (CLA INS P1 P2 data) as a secure-messaging APDU with Lc and MAC4.

        `usage` is TRANSPORT with the chip's serial while personalising, MAINTENANCE with the application serial later.
        """
        if usage not in (Usage.TRANSPORT, Usage.MAINTENANCE):
            raise Refusal(Code.BAD_REQUEST, f"a {usage} key does not authenticate commands")
        if command[0] & 0x0F != 4 or command[1] not in _MACED_INSTRUCTIONS:
            raise Refusal(Code.BAD_REQUEST, "not a maintenance command")
        key = self._keys.card_key(usage, key_version, serial8)
        # Lc counts the data and the MAC's four bytes: just as many as header and data of `command`.
        header, data = command[:4] + bytes([len(command)]), command[4:]
        return header + data + secure_messaging_mac(key, header, data, challenge)
