"""Commands that maintain issued chips, each under the chip's own key for it, and no others."""

from __future__ import annotations

from typing import Final

from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card import keys
from terminals.card.errors import SuiteIncomplete

_PIN_UNBLOCK: Final = 0x24
_PIN_RELOAD: Final = 0x5E
_EXTERNAL_AUTHENTICATE: Final = 0x82
_CLASSES: Final = {
    0x16: 0x84,  # CARD BLOCK
    0x18: 0x84,  # APPLICATION UNBLOCK
    0x1E: 0x84,  # APPLICATION BLOCK
    _PIN_UNBLOCK: 0x84,
    _PIN_RELOAD: 0x80,
    _EXTERNAL_AUTHENTICATE: 0x00,
    0xB0: 0x04,  # READ BINARY
    0xD6: 0x04,  # UPDATE BINARY
    0xDC: 0x04,  # UPDATE RECORD
    0xE2: 0x04,  # APPEND RECORD
}
"""Class byte of each instruction that is maintenance (JR/T 0025.2)."""
_PIN_BYTES: Final = range(2, 7)


class MaintenanceKeys:
    """Makes the commands for an issued card or SAM; which of its keys each is under follows from the command."""

    def __init__(self, issuer_keys: IssuerKeys) -> None:
        self._keys = issuer_keys

    def command(
        self, *, serial8: bytes, version: int, header: bytes, data: bytes, challenge: bytes, encrypt: bool
    ) -> bytes:
        """The whole APDU from CLA INS P1 P2 and clear data (see `keys.maintenance_apdu`).

        `serial8` is the right end of the card's application serial, of a SAM its chip serial. RELOAD PIN has no
        challenge. `Refusal` bad_request for anything that is not one of these commands as the standard has it.
        """
        _check(header, data, challenge, encrypt=encrypt)
        usage = Usage[keys.maintenance_slot(header).name]
        key, suite = self._keys.suited_key(usage, version, serial8, Intent.SERVE)
        try:
            return keys.maintenance_apdu(key, header, data, challenge, encrypt=encrypt, suite=suite)
        except SuiteIncomplete as incomplete:
            raise Refusal(Code.UNSUPPORTED, str(incomplete)) from None


def _check(header: bytes, data: bytes, challenge: bytes, *, encrypt: bool) -> None:
    instruction = header[1]
    if _CLASSES.get(instruction) != header[0]:
        raise Refusal(Code.BAD_REQUEST, "this is not a maintenance command")
    if instruction == _PIN_RELOAD and header[2] != 0:
        raise Refusal(Code.BAD_REQUEST, "P1 other than 00 is CHANGE PIN, which needs no key")
    if instruction in (_PIN_UNBLOCK, _PIN_RELOAD) and len(data) not in _PIN_BYTES:
        raise Refusal(Code.BAD_REQUEST, "a PIN has 2 to 6 bytes")
    if instruction == _EXTERNAL_AUTHENTICATE and data:
        raise Refusal(Code.BAD_REQUEST, "EXTERNAL AUTHENTICATE carries the challenge only")
    if encrypt != (instruction == _PIN_UNBLOCK):
        # A key that would encipher whatever a caller likes could be made to answer for the card.
        raise Refusal(Code.BAD_REQUEST, "PIN UNBLOCK is encrypted, and nothing else")
    if bool(challenge) == (instruction == _PIN_RELOAD):
        raise Refusal(Code.BAD_REQUEST, "every command but RELOAD PIN answers a challenge")
