"""Purchase TACs in bulk: packed records in, one verdict byte each out (JR/T 0025.2).

Derivation and MACs are done for all records together. A MAC of this path is compared with `==`: hiding the time of a
comparison protects a verifier that can be asked about one value again and again, but here one pass over thousands of
records ends at the same moment whichever of them are right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from citizencard.core.keyservice.protocol import RIGHT, TAC_RECORD, UNCHECKED, WRONG
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card.bulk.macs import Octets, des_macs
from terminals.card.crypto import des_mac

logger = logging.getLogger(__name__)

EncipherCards = Callable[[int, bytes], bytes]
"""(key version, factor | NOT factor of many cards) → 16-byte keys; `Refusal` when this version may not be used."""

BULK_FROM: Final = 1_500
"""Records from which one pass over all lanes is faster than a cipher object for each (measured; see `make bench`)."""

FEW: Final = 4
"""Up to so many records the columns cost more than they save: an online purchase is one record."""

_VERSION_UNUSABLE: Final = (Code.UNKNOWN_KEY, Code.KEY_NOT_PERMITTED, Code.UNSUPPORTED)
"""Refusals that speak about one key version; any other one is no verdict on a record."""

_RECORD: Final = np.dtype(
    [("serial", ">u8"), ("version", "u1"), ("covered", "u1", 22), ("tac", "u1", 4)], align=False
)
"""The packed form of `protocol.pack_tac_record`."""


def verify(packed: bytes, encipher_cards: EncipherCards) -> bytes:
    """One byte per 35-byte record: RIGHT when its TAC is the card's own, UNCHECKED when its key version may not be used
    now, else WRONG (also for a key version that never was).

    `Refusal` bad_request when the length is wrong, and whatever keeps the keys from being used at all.
    """
    if len(packed) % TAC_RECORD:
        raise Refusal(Code.BAD_REQUEST, f"TAC records are {TAC_RECORD} bytes each")
    if len(packed) <= FEW * TAC_RECORD:
        return _verify_few(packed, encipher_cards)
    records = np.frombuffer(packed, _RECORD)
    keys8, standing = _tac_keys(records, encipher_cards)
    macs = (des_macs if len(records) >= BULK_FROM else _one_by_one)(keys8, records["covered"])
    right = (macs == records["tac"]).all(axis=1)
    return np.where(standing == RIGHT, np.where(right, RIGHT, WRONG), standing).astype(np.uint8).tobytes()


def _verify_few(packed: bytes, encipher_cards: EncipherCards) -> bytes:
    """`verify` without columns, one record after the other."""
    verdicts = bytearray()
    for at in range(0, len(packed), TAC_RECORD):
        record = packed[at : at + TAC_RECORD]
        serial, version, covered, tac = record[:8], record[8], record[9:-4], record[-4:]
        try:
            key16 = encipher_cards(version, serial + bytes(octet ^ 0xFF for octet in serial))
        except Refusal as refusal:
            verdicts.append(_without_key(refusal, 1))
            continue
        key = bytes(left ^ right for left, right in zip(key16[:8], key16[8:], strict=True))
        verdicts.append(RIGHT if des_mac(key, covered) == tac else WRONG)
    return bytes(verdicts)


def _without_key(refusal: Refusal, cards: int) -> int:
    """The verdict where a key version gives no keys; raises what is no verdict on a record."""
    if refusal.code not in _VERSION_UNUSABLE:
        raise refusal
    logger.warning("%d cards not verifiable: %s", cards, refusal.message)
    return UNCHECKED if refusal.code is Code.KEY_NOT_PERMITTED else WRONG


def _tac_keys(records: NDArray[np.void], encipher_cards: EncipherCards) -> tuple[Octets, Octets]:
    """The 8-byte TAC key for each record, and RIGHT where there is one; each card is enciphered once."""
    keys = np.zeros(len(records), ">u8")
    standing = np.full(len(records), WRONG, np.uint8)
    for version in np.unique(records["version"]):
        chosen = np.flatnonzero(records["version"] == version)
        serials, which = np.unique(records["serial"][chosen].astype(np.uint64), return_inverse=True)
        try:
            enciphered = encipher_cards(int(version), _factors(serials))
        except Refusal as refusal:
            standing[chosen] = _without_key(refusal, len(serials))
            continue
        left, right = np.frombuffer(enciphered, ">u8").reshape(-1, 2).T
        keys[chosen] = (left ^ right)[which]
        standing[chosen] = RIGHT
    return keys.view(np.uint8).reshape(-1, 8), standing


def _factors(serials: NDArray[np.uint64]) -> bytes:
    """`factor | NOT factor` for every card: what its issuer's master enciphers into its key."""
    return np.stack((serials, ~serials), axis=1).astype(">u8").tobytes()


def _one_by_one(keys8: Octets, covered: Octets) -> Octets:
    """`des_macs` by the library, a cipher object for each record."""
    macs = b"".join(des_mac(key.tobytes(), data.tobytes()) for key, data in zip(keys8, covered, strict=True))
    return np.frombuffer(macs, np.uint8).reshape(-1, 4)
