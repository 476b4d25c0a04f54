"""Scenes of the cash drawer, see `scenes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from accounts.services.drawers import confirm_count, count_drawer
from tests.accounts.drawers.till import make_drawer, pieces_of
from tests.factories import CLERK, make_card

Event = Callable[[], object]


def drawer_difference(stage: Any) -> Iterator[Event]:
    for over_fen in (500, -500):
        drawer = make_drawer()
        make_card()
        counted = pieces_of(drawer.float_fen + drawer.moved_fen + over_fen)
        count = count_drawer(session=drawer, pieces=counted, actor=CLERK)
        yield partial(confirm_count, count=count, checker="supervisor")


SCENES = (drawer_difference,)
