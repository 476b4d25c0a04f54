"""Key blocks of ANSI X9.143 (TR-31) version D: a key under an AES key, bound to its usage by the header's MAC.

Our usages and their header fields stand in `_HEADERS`: a code of the standard where one says exactly what we mean, a
numeric code, which the standard leaves to the parties, everywhere else. So no two usages share a header, and a block
made for one is never taken for another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from psec import tr31

from citizencard.core.keyservice.keystore import Algorithm, KeyName, Master, Usage, algorithms_of
from citizencard.core.keyservice.refusal import Code, Refusal

BLOCK_MAX: Final = 1024
"""Longest block read; ours have 112 or 144 characters."""

_HEADERS: Final = {
    Usage.TAC: ("E0", "X"),
    Usage.PIN_UNBLOCK: ("E1", "X"),
    Usage.MAINTENANCE: ("E2", "X"),
    Usage.TRANSPORT: ("E5", "X"),
    Usage.PURCHASE: ("11", "X"),
    Usage.LOAD: ("12", "X"),
    Usage.UNLOAD: ("13", "X"),
    Usage.OVERDRAFT: ("14", "X"),
    Usage.PIN_RELOAD: ("15", "X"),
    Usage.CONTROL: ("16", "X"),
    Usage.IDENTITY: ("18", "X"),
    Usage.SIGN: ("17", "X"),
    Usage.PROOF: ("19", "X"),
    Usage.PII_DEK: ("D0", "B"),
    Usage.PII_INDEX: ("M7", "C"),
    Usage.KEK: ("K1", "B"),
}
"""Key usage and mode of use. X derives other keys, B encrypts and decrypts (or wraps and unwraps), C makes and
verifies codes."""

_LETTERS: Final = {
    Algorithm.DES3: "T",
    Algorithm.AES: "A",
    Algorithm.HMAC: "H",
    Algorithm.SEED: "H",
    Algorithm.SM4: "4",
    Algorithm.HMAC_SM3: "5",
}
"""The standard's letter; the national ones have none and take numbers of the parties' own."""

_UPPER_HEX: Final = re.compile(r"[0-9A-F]+")


@dataclass(frozen=True)
class UnwrappedKey:
    """What a good block says: the key's name, the key, and whether it may leave again under another party's key."""

    name: KeyName
    master: Master
    exportable: bool


def wrap(protection_key: bytes, key: UnwrappedKey) -> str:
    """The block of a key under a 32-byte AES protection key; every call gives another one (random padding)."""
    usage, version = key.name
    code, mode = _HEADERS[usage]
    letter, exportability = _LETTERS[key.master.algorithm], "E" if key.exportable else "N"
    header = tr31.Header("D", code, letter, mode, f"{version:02X}", exportability)
    return tr31.wrap(protection_key, header, key.master.key)


def unwrap(protection_key: bytes, block: str, expected: KeyName) -> UnwrappedKey:
    """The key of a block that must be the one of `expected`; `Refusal` key_block_invalid names the rule it breaks."""
    header, key = _opened(protection_key, block)
    usage, version = expected
    algorithms = {_LETTERS[algorithm]: algorithm for algorithm in algorithms_of(usage)}
    _check(header.key_usage == _HEADERS[usage][0], f"its usage {header.key_usage} is not that of {usage}")
    _check(header.mode_of_use == _HEADERS[usage][1], f"its mode of use does not fit {usage}")
    _check(header.algorithm in algorithms, f"its algorithm {header.algorithm} does not fit {usage}")
    _check(header.version_num == f"{version:02X}", f"its key version is not {version}")
    _check(header.exportability in ("N", "E"), "it may be exported under an untrusted key")
    try:
        master = Master(algorithms[header.algorithm], key)
    except ValueError:
        raise _refused(f"its key has the wrong length for {usage}") from None
    return UnwrappedKey(expected, master, header.exportability == "E")


def _opened(protection_key: bytes, block: str) -> tuple[tr31.Header, bytes]:
    _check(len(block) <= BLOCK_MAX and block.isascii(), "it is too long or not ASCII")
    _check(block[:1] == "D", "it is not of version D")
    try:
        header, key = tr31.unwrap(protection_key, block)
        end_of_header = tr31.Header().load(block)
    except ValueError:
        # The library's sentence may quote the block.
        raise _refused("its code does not verify under this key") from None
    # The library reads small letters as well: one key, one spelling.
    _check(_UPPER_HEX.fullmatch(block, end_of_header) is not None, "it is not written in capitals")
    return header, key


def _check(right: bool, rule: str) -> None:
    if not right:
        raise _refused(rule)


def _refused(rule: str) -> Refusal:
    return Refusal(Code.KEY_BLOCK_INVALID, f"the key block is refused: {rule}")
