"""The most that a terminal's tariff can ask for on a day, kept in mind: the purchase itself asks whether that still holds."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from terminals.models import Tariff, Terminal
from terminals.selectors.tariffs import ceiling_of

_KEPT: Final = 20_000
_kept: dict[tuple[int, date], Price] = {}


class Price(NamedTuple):
    """The version of the tariff in force, and the most it can ask for; None: there is none, and no bound."""

    tariff_id: int | None
    most_fen: int | None


def price_on(terminal_id: int, day: date) -> Price:
    """What is known of the terminal's tariff on a day of Beijing."""
    known = _kept.get((terminal_id, day))
    if known is None:
        code = Terminal.objects.filter(pk=terminal_id).values("tariff_code")[:1]
        versions = Tariff.objects.filter(code=code, valid_from__lte=day).order_by("-valid_from")
        tariff_id = versions.values_list("pk", flat=True).first()
        known = Price(tariff_id, None if tariff_id is None else ceiling_of(tariff_id))
        if len(_kept) >= _KEPT:
            _kept.clear()
        _kept[terminal_id, day] = known
    return known


def forget_price(terminal_id: int, day: date) -> None:
    """It may hold no more: ask again the next time."""
    _kept.pop((terminal_id, day), None)
