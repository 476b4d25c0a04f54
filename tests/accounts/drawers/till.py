"""A service hall with drawers in it."""

from __future__ import annotations

from collections.abc import Mapping

from accounts.models import DrawerCount, DrawerSession, StockPlace
from accounts.services.drawers import count_drawer, open_drawer
from accounts.services.stock import open_place
from tests.factories import CLERK

FLOAT: Mapping[int, int] = {5_000: 2, 1_000: 10, 100: 20}
FLOAT_FEN = 22_000


def make_hall(code: str = "hall-1") -> StockPlace:
    """A service hall."""
    return open_place(code=code, name="中心服务厅", kind="hall", actor="store")


def make_drawer(clerk: str = CLERK, hall: StockPlace | None = None) -> DrawerSession:
    """A clerk's drawer, open with 220 yuan."""
    return open_drawer(clerk=clerk, hall=hall or make_hall(), pieces=FLOAT)


def make_count(clerk: str) -> DrawerCount:
    """A drawer in which nothing was done, counted right."""
    return count_drawer(session=make_drawer(clerk), pieces=FLOAT, actor=clerk)


def pieces_of(amount_fen: int) -> dict[int, int]:
    """Notes and coins that come to the amount, in the fewest pieces; it ends in whole jiao."""
    pieces = {}
    for worth in (10_000, 5_000, 2_000, 1_000, 500, 100, 50, 10):
        pieces[worth], amount_fen = divmod(amount_fen, worth)
    assert amount_fen == 0
    return pieces
