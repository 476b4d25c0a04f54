"""A complete software purse card: blank, personalised, blocked; T-Union or city union by profile."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from terminals.card.profile import T_UNION, CardProfile
from terminals.simulator.card_auth import AuthEngine
from terminals.simulator.card_eid import CardEid
from terminals.simulator.card_offline import OfflineEngine
from terminals.simulator.card_pin import PinEngine
from terminals.simulator.state import CardState
from terminals.simulator.store import DirectoryStore, Store


class Chip(CardEid, OfflineEngine, PinEngine, AuthEngine):
    """One card. `transmit` takes an APDU and returns data and status word; `reset` is power off and on.

    A blank chip knows only its serial (EF05 of the MF, free to read) and its transport key; `personalise` fills it.
    """

    ATR: ClassVar[bytes] = bytes.fromhex("3B858001") + b"CCARD" + b"\x53"

    @classmethod
    def create(
        cls, directory: Path, *, chip_serial8: bytes, transport_key16: bytes, profile: CardProfile = T_UNION
    ) -> Self:
        """A blank card kept in a directory; replaces a chip that stood there."""
        store = DirectoryStore(directory)
        return cls.blank(store, chip_serial8=chip_serial8, transport_key16=transport_key16, profile=profile)

    @classmethod
    def blank(
        cls, store: Store, *, chip_serial8: bytes, transport_key16: bytes, profile: CardProfile = T_UNION
    ) -> Self:
        """A blank card in any store."""
        state = CardState(chip_serial=chip_serial8, transport_key=transport_key16, profile=profile.code)
        store.save(state.pack())
        return cls(store, state)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The card kept in a directory; FileNotFoundError when there is none."""
        return cls.load(DirectoryStore(directory))

    @classmethod
    def load(cls, store: Store) -> Self:
        """The card kept in a store, as after power on."""
        return cls(store, CardState.unpack(store.load()))
