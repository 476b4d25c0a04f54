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

from citizencard.core.keyservice.protocol import TAC_RECORD
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
    """One byte per 35-byte record: 1 when its TAC is the card's own, else 0 (also for a key version not to be used).

    `Refusal` bad_request when the length is wrong, and whatever keeps the keys from being used at all.
    """
    if len(packed) % TAC_RECORD:
        raise Refusal(Code.BAD_REQUEST, f"TAC records are {TAC_RECORD} bytes each")
    if len(packed) <= FEW * TAC_RECORD:
        return _verify_few(packed, encipher_cards)
    records = np.frombuffer(packed, _RECORD)
    keys8, usable = _tac_keys(records, encipher_cards)
    macs = (des_macs if len(records) >= BULK_FROM else _one_by_one)(keys8, records["covered"])
    right: NDArray[np.bool_] = (macs == records["tac"]).all(axis=1) & usable
    return right.astype(np.uint8).tobytes()


def _verify_few(packed: bytes, encipher_cards: EncipherCards) -> bytes:
    """`verify` without columns, a record after the other."""
    verdicts = bytearray()
    for at in range(0, len(packed), TAC_RECORD):
        serial, version = packed[at : at + 8], packed[at + 8]
        covered, tac = packed[at + 9 : at + TAC_RECORD - 4], packed[at + TAC_RECORD - 4 : at + TAC_RECORD]
        key = _key_of(version, serial, encipher_cards)
        verdicts.append(key is not None and des_mac(key, covered) == tac)
    return bytes(verdicts)


def _key_of(version: int, serial: bytes, encipher_cards: EncipherCards) -> bytes | None:
    """The 8-byte TAC key of one card, None when there is none."""
    try:
        key16 = encipher_cards(version, serial + bytes(octet ^ 0xFF for octet in serial))
    except Refusal as refusal:
        if refusal.code not in _VERSION_UNUSABLE:
            raise
        logger.warning("1 card not verifiable: %s", refusal.message)
        return None
    return bytes(left ^ right for left, right in zip(key16[:8], key16[8:], strict=True))


def _tac_keys(records: NDArray[np.void], encipher_cards: EncipherCards) -> tuple[Octets, NDArray[np.bool_]]:
    """The 8-byte TAC key for each record, and whether there is one; each card is enciphered once."""
    keys = np.zeros(len(records), ">u8")
    usable = np.zeros(len(records), np.bool_)
    for version in np.unique(records["version"]):
        chosen = np.flatnonzero(records["version"] == version)
        serials, which = np.unique(records["serial"][chosen].astype(np.uint64), return_inverse=True)
        try:
            enciphered = encipher_cards(int(version), _factors(serials))
        except Refusal as refusal:
            if refusal.code not in _VERSION_UNUSABLE:
                raise
            logger.warning("%d cards not verifiable: %s", len(serials), refusal.message)
            continue
        left, right = np.frombuffer(enciphered, ">u8").reshape(-1, 2).T
        keys[chosen] = (left ^ right)[which]
        usable[chosen] = True
    return keys.view(np.uint8).reshape(-1, 8), usable


def _factors(serials: NDArray[np.uint64]) -> bytes:
    """`factor | NOT factor` for every card: what its issuer's master enciphers into its key."""
    return np.stack((serials, ~serials), axis=1).astype(">u8").tobytes()


def _one_by_one(keys8: Octets, covered: Octets) -> Octets:
    """`des_macs` by the library, a cipher object for each record."""
    macs = b"".join(des_mac(key.tobytes(), data.tobytes()) for key, data in zip(keys8, covered, strict=True))
    return np.frombuffer(macs, np.uint8).reshape(-1, 4)
