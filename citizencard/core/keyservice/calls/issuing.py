"""Calls that make commands for chips, for the script of `terminals.card.personalise` and for maintenance."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Final

from citizencard.core.keyservice.calls.base import Calls
from citizencard.core.keyservice.protocol import Opcode
from terminals.card.keys import KeySlot
from terminals.card.personalise import CardIssuer

TRANSPORT_VERSION: Final = 1
"""Version of the transport master the chip maker's blank chips come with."""


class IssuingCalls(Calls, CardIssuer):
    """Whole APDUs under secure messaging (JR/T 0025.2); `challenge` is the chip's answer just before."""

    def write_key_command(
        self,
        *,
        chip_serial8: bytes,
        slot: KeySlot,
        version: int,
        card_serial8: bytes | None,
        challenge: bytes,
    ) -> bytes:
        """WRITE KEY for a blank chip; the key is derived from slot, version and `card_serial8` in the service.

        For a SAM `card_serial8` is None: PURCHASE then is the issuer's master, MAINTENANCE the SAM's own key.
        """
        return self._control(
            Opcode.WRITE_KEY,
            chip_serial8=chip_serial8,
            transport_version=TRANSPORT_VERSION,
            slot=slot.name,
            version=version,
            card_serial8=card_serial8,
            challenge=challenge,
        )

    def mac_command(
        self, *, chip_serial8: bytes, header: bytes, data: bytes, challenge: bytes, encrypt: bool = False
    ) -> bytes:
        """A command (CLA INS P1 P2 and data) under the transport key of a chip being personalised."""
        return self._control(
            Opcode.MAC_COMMAND,
            chip_serial8=chip_serial8,
            transport_version=TRANSPORT_VERSION,
            header=header,
            data=data,
            challenge=challenge,
            encrypt=int(encrypt),
        )

    def key_check_values(
        self, *, chip_serial8: bytes, card_serial8: bytes | None, version: int, slots: Iterable[KeySlot]
    ) -> dict[KeySlot, bytes]:
        """Check values (3 bytes) of the keys `write_key_command` would write; they reveal nothing usable."""
        answer = self._control(
            Opcode.KEY_CHECK_VALUES,
            chip_serial8=chip_serial8,
            card_serial8=card_serial8,
            version=version,
            slots=",".join(slot.name for slot in slots),
        )
        return {KeySlot[name]: bytes.fromhex(value) for name, value in json.loads(answer).items()}

    def issue_card_certificate(
        self, *, card_serial8: bytes, public_key: bytes, valid_from: date, valid_to: date
    ) -> bytes:
        """Certificate (X.509, DER) of the card CA for the key pair a card made; both days count."""
        return self._control(
            Opcode.ISSUE_CERTIFICATE,
            card_serial8=card_serial8,
            public_key=public_key,
            valid_from=valid_from.isoformat(),
            valid_to=valid_to.isoformat(),
        )

    def maintenance_command(
        self,
        *,
        card_serial8: bytes,
        version: int,
        header: bytes,
        data: bytes,
        challenge: bytes,
        encrypt: bool = False,
    ) -> bytes:
        """A command for an issued card under its own key for it: block, unblock, PIN, files, authentication.

        See `terminals.card.maintenance`; RELOAD PIN has no challenge.
        """
        return self._control(
            Opcode.MAINTENANCE_COMMAND,
            serial8=card_serial8,
            version=version,
            header=header,
            data=data,
            challenge=challenge,
            encrypt=int(encrypt),
        )
