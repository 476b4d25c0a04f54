"""Key operations of the electronic purse: purchase TACs in bulk, the load dialogue, load TACs (JR/T 0025.2)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from hmac import compare_digest

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.protocol import TAC_RECORD
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card import crypto

logger = logging.getLogger(__name__)

_CARD = 9
"""Bytes that name a TAC key: card serial8 | key version1."""
_PADDING = b"\x80\x00"
"""Padding method 2 of the 22 bytes under a purchase TAC."""


class PurseKeys:
    """Answers about purses; derived keys live only for the duration of one call."""

    def __init__(self, keys: IssuerKeys) -> None:
        self._keys = keys

    def verify_purchase_tacs(self, packed: bytes) -> bytes:
        """One byte per 35-byte record: 1 when its TAC is the card's own, else 0 (also for an unknown key version)."""
        if len(packed) % TAC_RECORD:
            raise Refusal(Code.BAD_REQUEST, f"TAC records are {TAC_RECORD} bytes each")
        offsets_by_card: dict[bytes, list[int]] = {}
        for offset in range(0, len(packed), TAC_RECORD):
            offsets_by_card.setdefault(packed[offset : offset + _CARD], []).append(offset)
        verdicts = bytearray(len(packed) // TAC_RECORD)
        for card, key in self._tac_keys(offsets_by_card):
            offsets = offsets_by_card[card]
            inputs = (packed[at + _CARD : at + TAC_RECORD - 4] for at in offsets)
            for at, tac in zip(offsets, _macs(key, inputs), strict=True):
                verdicts[at // TAC_RECORD] = compare_digest(
                    tac, packed[at + TAC_RECORD - 4 : at + TAC_RECORD]
                )
        return bytes(verdicts)

    def authorise_load(
        self,
        *,
        serial8: bytes,
        key_version: int,
        rand4: bytes,
        online_atc: int,
        balance_fen: int,
        amount_fen: int,
        terminal_no6: bytes,
        mac1: bytes,
        when: datetime,
    ) -> bytes:
        """MAC2 for the card, after its MAC1 proved right; `Refusal` mac_invalid otherwise. ATC before increment."""
        key = crypto.load_session_key(
            self._keys.card_key(Usage.LOAD, key_version, serial8, Intent.SERVE), rand4, online_atc
        )
        kind = crypto.TransactionType.LOAD
        if not compare_digest(crypto.load_mac1(key, balance_fen, amount_fen, kind, terminal_no6), mac1):
            raise Refusal(Code.MAC_INVALID, "MAC1 of the card does not match the load it announces")
        return crypto.load_mac2(key, amount_fen, kind, terminal_no6, when)

    def verify_load_tac(
        self,
        *,
        serial8: bytes,
        key_version: int,
        balance_after_fen: int,
        online_atc: int,
        amount_fen: int,
        terminal_no6: bytes,
        when: datetime,
        tac: bytes,
    ) -> bool:
        """Whether the card confirms this load. ATC before increment, `when` the host's time sent with MAC2."""
        dtk = self._keys.card_key(Usage.TAC, key_version, serial8, Intent.SERVE)
        kind = crypto.TransactionType.LOAD
        right = crypto.load_tac(dtk, balance_after_fen, online_atc, amount_fen, kind, terminal_no6, when)
        return compare_digest(right, tac)

    def _tac_keys(self, cards: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """(card, 8-byte TAC key) for every card whose key version is held; all cards of a version in one encryption."""
        by_version: dict[int, list[bytes]] = {}
        for card in cards:
            by_version.setdefault(card[-1], []).append(card)
        for version, members in by_version.items():
            blocks = _diversification_blocks(b"".join(card[:8] for card in members))
            try:
                keys = self._keys.card_keys(Usage.TAC, version, blocks, Intent.SERVE)
            except Refusal as refusal:
                if refusal.code is Code.VAULT_UNAVAILABLE:
                    raise
                logger.warning("%d cards not verifiable: %s", len(members), refusal.message)
                continue
            halves = memoryview(keys).cast("Q")
            for index, card in enumerate(members):
                yield card, (halves[2 * index] ^ halves[2 * index + 1]).to_bytes(8, sys.byteorder)


def _diversification_blocks(serials: bytes) -> bytes:
    """`crypto.diversification_block` of many 8-byte serials at once, by machine words."""
    words = memoryview(serials).cast("Q")
    factors = bytearray(2 * len(serials))
    target = memoryview(factors).cast("Q")
    for index, word in enumerate(words):
        target[2 * index] = word
        target[2 * index + 1] = word ^ 0xFFFFFFFFFFFFFFFF
    return bytes(factors)


def _macs(key8: bytes, inputs: Iterable[bytes]) -> Iterator[bytes]:
    """`crypto.des_mac` of several 22-byte inputs under one key.

    Setting up a cipher costs ten times the encryption, so one CBC chain serves all: the last cipher block is folded
    into the next first block, where CBC cancels it again and leaves the zero IV each MAC starts from.
    """
    encryptor = Cipher(TripleDES(key8 * 3), modes.CBC(crypto.ZERO_IV)).encryptor()
    carry = 0
    for data in inputs:
        first = (int.from_bytes(data[:8]) ^ carry).to_bytes(8)
        last = encryptor.update(first + data[8:] + _PADDING)[-8:]
        carry = int.from_bytes(last)
        yield last[:4]
