"""Personalise a blank card or SAM: write keys and files under its transport key, read back, activate."""

from __future__ import annotations

from typing import Protocol

from terminals.card.keys import KeySlot


class KeyWriter(Protocol):
    """Makes the secure-messaging commands of personalisation; the key service does, so that no key leaves it.

    The chip's transport key is diversify(transport master, chip serial8). All answers are whole APDUs.
    """

    def write_key_command(
        self,
        *,
        chip_serial8: bytes,
        slot: KeySlot,
        version: int,
        card_serial8: bytes | None,
        challenge: bytes,
    ) -> bytes:
        """WRITE KEY with the slot's key (see `keys.write_key_command`).

        The key is the master of that version, issuer level applied, diversified by `card_serial8`; for a SAM
        `card_serial8` is None and the key stays at the issuer's level.
        """

    def mac_command(
        self, *, chip_serial8: bytes, header: bytes, data: bytes, challenge: bytes, encrypt: bool = False
    ) -> bytes:
        """A command in secure messaging under the chip's transport key (see `keys.mac_command`)."""
