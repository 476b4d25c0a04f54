"""Key slots of cards and SAMs, and the secure-messaging commands that fill them.

Shared by the key service, which makes these commands, and the simulated chips, which open them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from terminals.card.errors import FormatError
from terminals.card.files import WITH_DEPOSIT
from terminals.card.suites import KEY_BYTES, MAC_BYTES, TRIPLE_DES, Suite

ALGORITHM_3DES: Final = 0x00
PIN_TYPE: Final = 0x3A
INSTALL: Final = 0x01
"""P1 of WRITE KEY: install a new key."""


class KeySlot(IntEnum):
    """Keys a chip holds; the value is the key type byte of the common Chinese card operating systems.

    On a card each is diversified by the card's serial; on a SAM, PURCHASE is the master one level above.
    """

    IDENTITY = 0x30
    """Key of INTERNAL AUTHENTICATE; never CONTROL's, or a card could be made to answer another card's challenge."""
    TAC = 0x34
    """DTK, internal key of the TAC."""
    MAINTENANCE = 0x36
    """DAMK, MAC of application maintenance."""
    PIN_UNBLOCK = 0x37
    """DPUK."""
    PIN_RELOAD = 0x38
    """DRPK."""
    CONTROL = 0x39
    """DCCK, EXTERNAL AUTHENTICATE."""
    OVERDRAFT = 0x3C
    """DUK, update of the electronic deposit's overdraft limit."""
    UNLOAD = 0x3D
    """DULK, unload of the electronic deposit."""
    PURCHASE = 0x3E
    """DPK on a card, MPK on a SAM."""
    LOAD = 0x3F
    """DLK."""


CARD_SLOTS: Final = tuple(KeySlot)
_DEPOSIT_ONLY: Final = (KeySlot.UNLOAD, KeySlot.OVERDRAFT)
SAM_SLOTS: Final = (KeySlot.PURCHASE, KeySlot.MAINTENANCE)
_OWN_SLOTS: Final = {0x24: KeySlot.PIN_UNBLOCK, 0x5E: KeySlot.PIN_RELOAD, 0x82: KeySlot.CONTROL}
"""Instructions of maintenance with a key of their own."""


def card_slots(application_type: int) -> tuple[KeySlot, ...]:
    """The keys a card of this application type (EF15) holds: unload and overdraft need an electronic deposit."""
    with_deposit = application_type in WITH_DEPOSIT
    return tuple(slot for slot in CARD_SLOTS if with_deposit or slot not in _DEPOSIT_ONLY)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Clear content of WRITE KEY: type1 | index1 | version1 | algorithm1 | tries1 | key16."""

    slot: KeySlot
    version: int
    key16: bytes
    index: int = 1
    algorithm: int = ALGORITHM_3DES
    tries: int = 0x33

    def to_bytes(self) -> bytes:
        """21 bytes; FormatError when the key is not of double length."""
        if len(self.key16) != KEY_BYTES:
            raise FormatError("a key has 16 bytes")
        return bytes([self.slot, self.index, self.version, self.algorithm, self.tries]) + self.key16

    @classmethod
    def parse(cls, record: bytes) -> Self:
        """Inverse of `to_bytes`; FormatError on another length or an unknown key type."""
        if len(record) != 5 + KEY_BYTES or record[0] not in set(KeySlot):
            raise FormatError("not a key record")
        return cls(KeySlot(record[0]), record[2], record[5:], record[1], record[3], record[4])

    def __repr__(self) -> str:
        """Name the slot; never the key."""
        return f"KeyRecord({self.slot.name}, version={self.version})"


def write_key_command(
    transport_key16: bytes, record: KeyRecord, challenge: bytes, suite: Suite = TRIPLE_DES
) -> bytes:
    """WRITE KEY (84 D4) for one key, encrypted and MACed under the chip's transport key (of that suite)."""
    header4 = bytes([0x84, 0xD4, INSTALL, record.slot])
    return mac_command(transport_key16, header4, record.to_bytes(), challenge, encrypt=True, suite=suite)


def mac_command(
    key16: bytes,
    header4: bytes,
    data: bytes,
    challenge: bytes,
    *,
    encrypt: bool = False,
    suite: Suite = TRIPLE_DES,
) -> bytes:
    """A maintenance command in secure messaging: header, Lc, data (encrypted on demand), MAC4.

    `header4` is CLA INS P1 P2 with the CLA's low nibble 4; `challenge` the chip's answer to GET CHALLENGE just before.
    """
    body = suite.encrypt_ecb(key16, suite.length_prefixed(data)) if encrypt else data
    header5 = header4 + bytes([len(body) + MAC_BYTES])
    return header5 + body + suite.mac(key16, header5 + body, challenge)


def maintenance_slot(header4: bytes) -> KeySlot:
    """The key a maintenance command is under. The command alone decides, so that nobody can ask for another key."""
    return _OWN_SLOTS.get(header4[1], KeySlot.MAINTENANCE)


def maintenance_apdu(
    key16: bytes,
    header4: bytes,
    data: bytes,
    challenge: bytes,
    *,
    encrypt: bool = False,
    suite: Suite = TRIPLE_DES,
) -> bytes:
    """Any maintenance command as a whole APDU under the card's key of `maintenance_slot(header4)`.

    RELOAD PIN (data: the new PIN) carries a MAC of its own without challenge, EXTERNAL AUTHENTICATE (no data) the
    challenge enciphered, a 4-byte one with zeros behind; all others are `mac_command`.
    """
    slot = maintenance_slot(header4)
    if slot is KeySlot.CONTROL:
        body = suite.encrypt_ecb(key16, challenge.ljust(suite.block, b"\x00"))
    elif slot is KeySlot.PIN_RELOAD:
        body = data + suite.folded_mac(key16, data)
    else:
        return mac_command(key16, header4, data, challenge, encrypt=encrypt, suite=suite)
    return header4 + bytes([len(body)]) + body


length_prefixed = TRIPLE_DES.length_prefixed
without_length = TRIPLE_DES.without_length
