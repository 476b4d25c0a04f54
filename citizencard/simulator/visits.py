"""Who goes where and when: as many visits as make the taps that were asked for, by the habits of each kind of life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from citizencard.simulator.chance import Chance, Ints
from citizencard.simulator.habits import BY_METRO, FIRST_MINUTE, HABITS, LAST_MINUTE, Habit
from citizencard.simulator.people import People
from citizencard.simulator.wishes import Wish

DAY_S: Final = 86_400
GAP_S: Final = 60
"""Between two taps of a card: the terminals' re-tap guard (30 s) does not come into it."""
STATION_S: Final = 150
"""By metro from one station to the next; entering and leaving takes as long."""
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Visits:
    """One element a visit, in the order of persons and of their time. `at` is in seconds since midnight of the first day."""

    person: Ints
    way: Ints
    at: Ints
    seconds: Ints
    """From the first tap to the last."""


def draw_visits(chance: Chance, wish: Wish, first: date, people: People) -> Visits:
    """Visits whose taps are exactly as many as wished; the last one may be an entry without an exit."""
    random = chance.stream("visits")
    cells = [(day, habit) for day in range(wish.days) for habit in HABITS]
    members = [np.flatnonzero(people.profile == profile) for profile in range(int(people.profile.max()) + 1)]
    weights = np.array([_weight(first + timedelta(days=day), habit, members) for day, habit in cells])
    taps_of = np.array([2 if habit.way in BY_METRO else 1 for _, habit in cells])
    likely = weights / weights.sum()
    wanted = int(wish.taps / (likely @ taps_of) * 1.02) + 50
    counts = random.multinomial(wanted, likely)
    parts = [_draw(random, int(count), *cell, members) for count, cell in zip(counts, cells, strict=True)]
    person, way, at = (np.concatenate([part[column] for part in parts]) for column in range(3))
    kept = random.permutation(len(person))
    taps = np.cumsum(np.where(np.isin(way[kept], BY_METRO), 2, 1))
    kept = kept[: int(np.searchsorted(taps, wish.taps)) + 1]
    return _in_turn(person[kept], way[kept], at[kept], people)


def _weight(day: date, habit: Habit, members: list[Ints]) -> float:
    often = habit.weekend if day.weekday() >= _SATURDAY else habit.workday
    return often * len(members[habit.profile]) if habit.profile < len(members) else 0.0


def _draw(
    random: np.random.Generator, count: int, day: int, habit: Habit, members: list[Ints]
) -> tuple[Ints, Ints, Ints]:
    """So many visits of one habit on one day."""
    if not count:
        return (np.empty(0, np.int64),) * 3
    person = random.choice(members[habit.profile], count).astype(np.int64)
    minutes = random.normal(habit.at, habit.spread, count).clip(FIRST_MINUTE, LAST_MINUTE)
    return person, np.full(count, habit.way, np.int64), day * DAY_S + (minutes * 60).astype(np.int64)


def _in_turn(person: Ints, way: Ints, at: Ints, people: People) -> Visits:
    """One after another for each person: nobody is in two places at once."""
    order = np.lexsort((way, at, person))
    person, way, at = person[order], way[order], at[order]
    stations = np.abs(people.home_station - people.far_station)[person]
    seconds = np.where(np.isin(way, BY_METRO), (stations + 2) * STATION_S, 0)
    taken = np.cumsum(seconds + GAP_S) - (seconds + GAP_S)
    # Each person's day is a run of its own: far above everything that stands before it.
    apart = (person + 1) * (int(at.max(initial=0)) + int(taken.max(initial=0)) + DAY_S)
    pushed = np.maximum.accumulate(at - taken + apart) - apart + taken
    return Visits(person, way, pushed, seconds)
