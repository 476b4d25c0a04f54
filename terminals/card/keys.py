"""Key slots of cards and SAMs, and the secure-messaging commands that fill them.

Shared by the key service, which makes these commands, and the simulated chips, which open them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from terminals.card.crypto import (
    BLOCK,
    encrypt_ecb,
    pad80,
    secure_messaging_mac,
    wrap_write_key,
)
from terminals.card.errors import FormatError

ALGORITHM_3DES: Final = 0x00
KEY_BYTES: Final = 16
PIN_TYPE: Final = 0x3A
INSTALL: Final = 0x01
"""P1 of WRITE KEY: install a new key."""


class KeySlot(IntEnum):
    """Keys a chip holds; the value is the key type byte of the common Chinese card operating systems.

    On a card each is diversified by the card's serial; on a SAM, PURCHASE is the master one level above.
    """

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
SAM_SLOTS: Final = (KeySlot.PURCHASE, KeySlot.MAINTENANCE)


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


def write_key_command(transport_key16: bytes, record: KeyRecord, challenge: bytes) -> bytes:
    """WRITE KEY (84 D4) for one key, encrypted and MACed under the chip's transport key."""
    return wrap_write_key(transport_key16, INSTALL, record.slot, record.to_bytes(), challenge)


def mac_command(
    key16: bytes,
    header4: bytes,
    data: bytes,
    challenge: bytes,
    *,
    encrypt: bool = False,
) -> bytes:
    """A maintenance command in secure messaging: header, Lc, data (encrypted on demand), MAC4.

    `header4` is CLA INS P1 P2 with the CLA's low nibble 4; `challenge` the chip's answer to GET CHALLENGE just before.
    """
    body = encrypt_ecb(key16, length_prefixed(data)) if encrypt else data
    header5 = header4 + bytes([len(body) + 4])
    return header5 + body + secure_messaging_mac(key16, header5, body, challenge)


def length_prefixed(data: bytes) -> bytes:
    """len1 | data, padded with 80 00… to whole blocks unless it fills them already."""
    clear = bytes([len(data)]) + data
    return pad80(clear) if len(clear) % BLOCK else clear


def without_length(clear: bytes) -> bytes:
    """Inverse of `length_prefixed`; FormatError when length or padding is wrong."""
    data = clear[1 : 1 + clear[0]] if clear else b""
    if not clear or length_prefixed(data) != clear:
        raise FormatError("decrypted data is not length-prefixed and padded")
    return data
