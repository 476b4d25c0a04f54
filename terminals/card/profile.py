"""Card families: what differs between cards that share the purse commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from terminals.card.files import PublicInfo


@dataclass(frozen=True, slots=True)
class CardProfile:
    """Names, file contents and conventions of one family of purse cards.

    `number_digits` is where the holder's card number stands among the twenty digits of the application serial;
    `proof_tac_first` is the order in the answer to GET TRANSACTION PROVE, on which public sources disagree.
    """

    code: str
    aid: bytes
    number_digits: slice
    has_trips: bool
    key_index: int = 1
    pin_reference: int = 0
    proof_tac_first: bool = False

    def card_number(self, info: PublicInfo) -> str:
        """The number shown to the holder; no check digit is defined for it."""
        return info.serial[self.number_digits]

    def serial_of(self, card_number: str) -> str:
        """The twenty-digit application serial of a card number; ValueError when the number has another length."""
        start, stop, _ = self.number_digits.indices(20)
        if len(card_number) != stop - start or not card_number.isascii() or not card_number.isdigit():
            raise ValueError(f"a {self.code} card number has {stop - start} digits")
        return card_number.rjust(20, "0")


T_UNION: Final = CardProfile("t-union", bytes.fromhex("A000000632010105"), slice(1, 20), has_trips=True)
"""交通联合, JT/T 978: 19 digits beginning with 31."""

CITY_UNION: Final = CardProfile(
    "city-union", bytes.fromhex("A00000000386980701"), slice(4, 20), has_trips=False
)
"""住建部 city union, CJ/T 166: 16 digits."""

PROFILES: Final = (T_UNION, CITY_UNION)
