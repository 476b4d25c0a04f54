"""Which hall a desk stands in: the only one there is, or the one its clerk has said when signing in."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest

from accounts.models import StockPlace

SESSION_KEY: Final = "desk_hall"


def halls() -> list[StockPlace]:
    """Every service hall."""
    return list(StockPlace.objects.filter(kind=StockPlace.Kind.HALL).order_by("code"))


def hall_here(request: HttpRequest) -> StockPlace | None:
    """The hall whose stock this desk hands out; None until the clerk has said so."""
    known = halls()
    if len(known) == 1:
        return known[0]
    return next((hall for hall in known if hall.pk == request.session.get(SESSION_KEY)), None)


def sit_down(request: HttpRequest, code: str) -> None:
    """The clerk works in this hall until signing out; an unknown one changes nothing."""
    chosen = next((hall for hall in halls() if hall.code == code), None)
    if chosen is not None:
        request.session[SESSION_KEY] = chosen.pk
