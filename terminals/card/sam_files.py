"""The files of a PSAM: EF15 and EF16 under the MF, EF17 in the purse DF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from terminals.card.layout import DAY, Layout, digits, raw, uint


@dataclass(frozen=True, slots=True)
class SamInfo(Layout):
    """EF15 of the MF, 14 bytes: the module's own number."""

    serial: Annotated[str, digits(10)]
    version: Annotated[int, uint(1)] = 1
    key_card_type: Annotated[int, uint(1)] = 1
    issuer_data: Annotated[bytes, raw(2)] = bytes(2)


@dataclass(frozen=True, slots=True)
class SamTerminal(Layout):
    """EF16 of the MF, 6 bytes: the terminal number that enters every MAC and TAC."""

    terminal_no: Annotated[bytes, raw(6)]


@dataclass(frozen=True, slots=True)
class SamManagement(Layout):
    """EF17 of the purse DF, 25 bytes."""

    key_index: Annotated[int, uint(1)]
    issuer: Annotated[bytes, raw(8)]
    acquirer: Annotated[bytes, raw(8)]
    start: Annotated[date, DAY]
    expiry: Annotated[date, DAY]
