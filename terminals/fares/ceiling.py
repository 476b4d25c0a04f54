"""The most a tariff can ever ask for one tap."""

from __future__ import annotations

from terminals.fares.journeys import PairFare
from terminals.fares.kinds import FlatFare, FreeFare, TimeFare
from terminals.fares.metered import MeteredFare
from terminals.fares.tariffs import TariffRule


def ceiling_fen(tariff: TariffRule) -> int | None:
    """In fen; None where no amount is too high: a meter runs on, and so does a stay in a car park."""
    match tariff:
        case FlatFare():
            return tariff.fare_fen
        case FreeFare():
            return 0
        case TimeFare() | MeteredFare():
            return None
        case PairFare():
            return max([tariff.max_fen, *tariff.fares.values()])
        case _:
            return tariff.max_fen
