"""Commands that personalise chips, ready to send: encrypted and MACed, so that no clear key leaves the service."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Final

from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card import keys
from terminals.card.keys import PIN_TYPE, SAM_SLOTS, KeyRecord, KeySlot
from terminals.card.suites import ALGORITHMS, Suite

_ALGORITHM_BYTES: Final = {
    suite: byte for byte, suite in sorted(ALGORITHMS.items(), key=itemgetter(0), reverse=True)
}
"""What a key record says of its key's suite: the lowest byte that stands for it."""
_WRITE_KEY: Final = 0xD4
_ENCRYPTED_MAX: Final = 14
"""Longest data encrypted for a caller. With length and padding it never fills a block freely, so that nobody can
guess key bytes by comparing with the ciphertext of a WRITE KEY under the same transport key (ECB)."""


class IssuingKeys:
    """Makes the commands for a blank chip, under its transport key."""

    def __init__(self, issuer_keys: IssuerKeys) -> None:
        self._keys = issuer_keys

    def write_key(
        self,
        *,
        chip_serial8: bytes,
        transport_version: int,
        slot: KeySlot,
        version: int,
        card_serial8: bytes | None,
        challenge: bytes,
    ) -> bytes:
        """WRITE KEY for one slot; the key is derived here. Without `card_serial8` the chip is a SAM."""
        transport, its_suite = self._transport(transport_version, chip_serial8)
        key, suite = self._slot_key(slot, version, card_serial8, chip_serial8)
        record = KeyRecord(slot, version, key, algorithm=_ALGORITHM_BYTES[suite])
        return keys.write_key_command(transport, record, challenge, its_suite)

    def mac_command(
        self,
        *,
        chip_serial8: bytes,
        transport_version: int,
        header: bytes,
        data: bytes,
        challenge: bytes,
        encrypt: bool,
    ) -> bytes:
        """Any other command of a personalisation, from CLA INS P1 P2 and data."""
        if header[0] & 0x0F != 4:
            raise Refusal(Code.BAD_REQUEST, "the class byte does not announce secure messaging")
        if header[1] == _WRITE_KEY and not (header[3] == PIN_TYPE and data[:1] == bytes([PIN_TYPE])):
            raise Refusal(Code.BAD_REQUEST, "keys of a caller's choice are not written, only a PIN")
        if encrypt and len(data) > _ENCRYPTED_MAX:
            raise Refusal(Code.BAD_REQUEST, f"at most {_ENCRYPTED_MAX} bytes are encrypted for a caller")
        key, suite = self._transport(transport_version, chip_serial8)
        return keys.mac_command(key, header, data, challenge, encrypt=encrypt, suite=suite)

    def key_check_values(
        self, *, chip_serial8: bytes, card_serial8: bytes | None, version: int, slots: Iterable[KeySlot]
    ) -> dict[KeySlot, bytes]:
        """Check values (3 bytes) of the keys that `write_key` would write into these slots."""
        derived = {slot: self._slot_key(slot, version, card_serial8, chip_serial8) for slot in slots}
        return {slot: suite.kcv(key) for slot, (key, suite) in derived.items()}

    def _transport(self, version: int, chip_serial8: bytes) -> tuple[bytes, Suite]:
        """The key a blank chip came with: its maker has chosen the version, so it serves as long as it is held."""
        return self._keys.suited_key(Usage.TRANSPORT, version, chip_serial8, Intent.SERVE)

    def _slot_key(
        self, slot: KeySlot, version: int, card_serial8: bytes | None, chip_serial8: bytes
    ) -> tuple[bytes, Suite]:
        usage = Usage[slot.name]
        if card_serial8 is not None:
            return self._keys.suited_key(usage, version, card_serial8, Intent.ISSUE)
        if slot not in SAM_SLOTS:
            raise Refusal(Code.BAD_REQUEST, f"a SAM does not hold a {usage} key")
        if slot is KeySlot.PURCHASE:
            # A new SAM serves the cards that are out there, of retiring key versions too.
            return self._keys.suited_issuer_key(usage, version, Intent.SERVE)
        # The SAM's own maintenance: diversified by its chip, so that one broken SAM does not maintain every card.
        return self._keys.suited_key(usage, version, chip_serial8, Intent.ISSUE)
