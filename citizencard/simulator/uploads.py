"""How records travel: which terminal sends what on which night, in which form and order, and what else gets into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from citizencard.simulator.chance import Chance, Ints, pick
from citizencard.simulator.faults import Fault, count_of
from citizencard.simulator.layout import Layout
from citizencard.simulator.mischief import has_record
from citizencard.simulator.taps import Taps
from citizencard.simulator.visits import DAY_S
from terminals.models import Channel
from terminals.program.upload import BATCH_RECORDS

LATE_DAYS_MAX: Final = 3
PARTS_MAX: Final = 4


class Form(IntEnum):
    """What a line is beside the record of its tap."""

    TRUE = 0
    FORGED = 1
    ALTERED = 2
    UNKNOWN = 3
    ILLEGAL = 4


EXTRA_FORMS: Final = {
    Fault.REPEATED: Form.TRUE,
    Fault.FORGED: Form.FORGED,
    Fault.ALTERED: Form.ALTERED,
    Fault.UNKNOWN: Form.UNKNOWN,
    Fault.ILLEGAL: Form.ILLEGAL,
}
_OF_UPLOADS: Final = (Fault.LATE, Fault.REORDERED, Fault.SPLIT, Fault.ROUTES, Fault.AGAIN, Fault.HEADER)


@dataclass(frozen=True, slots=True)
class Upload:
    """One batch of one terminal, sent in the night of `day`. What goes wrong with it stands in `faults`."""

    device: int
    day: int
    number: str
    fixed_columns: bool
    compressed: bool
    faults: frozenset[Fault]


@dataclass(frozen=True, slots=True)
class Lines:
    """One element a record line, in the order of arrival: its upload, its tap, and what it is beside that tap's record."""

    upload: Ints
    tap: Ints
    form: Ints

    def __len__(self) -> int:
        return len(self.tap)


@dataclass(frozen=True, slots=True)
class Traffic:
    """All uploads in the order of arrival, their lines, and the nights when a stranger knocks (and with a revoked key)."""

    uploads: tuple[Upload, ...]
    lines: Lines
    strangers: tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class _Sent:
    upload: Upload
    tap: Ints
    form: Ints


@dataclass(frozen=True, slots=True)
class _Shift:
    """What one terminal took on one day: honest taps, and the lines that get into its uploads besides."""

    device: int
    day: int
    taps: Ints
    extra_taps: Ints
    extra_forms: Ints
    faults: frozenset[Fault]


def pack(chance: Chance, rates: Mapping[Fault, float], taps: Taps, layout: Layout, days: int) -> Traffic:
    """Every record that a terminal has, on its way; depots shuffle, split, repeat and delay."""
    random = chance.stream("uploads")
    shifts = list(_shifts(random, rates, taps, days))
    sent = [item for shift in shifts for item in _send(random, shift, layout, days)]
    if Fault.REORDERED in rates:
        sent = [sent[at] for at in random.permutation(len(sent))]
    sent.sort(key=lambda item: item.upload.day)
    strangers = [
        (int(random.integers(0, days)), bool(number % 2))
        for number in range(count_of(rates.get(Fault.STRANGER, 0), len(shifts)))
    ]
    lines = Lines(
        upload=np.repeat(np.arange(len(sent)), [len(item.tap) for item in sent]),
        tap=_joined([item.tap for item in sent]),
        form=_joined([item.form for item in sent]),
    )
    return Traffic(tuple(item.upload for item in sent), lines, tuple(strangers))


def _shifts(
    random: np.random.Generator, rates: Mapping[Fault, float], taps: Taps, days: int
) -> Iterator[_Shift]:
    """By terminal and day, each in the order of its SAM."""
    kept = np.flatnonzero(has_record(taps))
    shift_of = taps.device * days + taps.at // DAY_S
    kept = kept[np.lexsort((taps.seq[kept], shift_of[kept]))]
    numbers: Ints
    begins: Ints
    numbers, begins = np.unique(shift_of[kept], return_index=True)
    extra_taps, extra_forms = _extras(random, rates, taps)
    by_shift = np.argsort(shift_of[extra_taps], kind="stable")
    extra_taps, extra_forms = extra_taps[by_shift], extra_forms[by_shift]
    cuts = np.searchsorted(shift_of[extra_taps], numbers)
    faults = _fates(random, rates, numbers % days, days)
    parts: Iterable[tuple[int, Ints, Ints, Ints, frozenset[Fault]]] = zip(
        numbers.tolist(), np.split(kept, begins[1:]), np.split(extra_taps, cuts[1:]), np.split(extra_forms, cuts[1:]),
        faults, strict=True,
    )  # fmt: skip
    for number, own, extra, forms, fate in parts:
        device, day = divmod(number, days)
        yield _Shift(device, day, own, extra, forms, fate)


def _extras(random: np.random.Generator, rates: Mapping[Fault, float], taps: Taps) -> tuple[Ints, Ints]:
    """Taps with a second line, and what that line is; only honest ones, so that each fault is counted once."""
    honest = np.flatnonzero(taps.fault == Fault.NONE)
    chosen = [
        (pick(random, honest, count_of(rates.get(fault, 0), len(taps))), form)
        for fault, form in EXTRA_FORMS.items()
    ]
    return (
        _joined([victims for victims, _ in chosen]),
        _joined([np.full(len(victims), form, np.int64) for victims, form in chosen]),
    )


def _fates(
    random: np.random.Generator, rates: Mapping[Fault, float], day_of: Ints, days: int
) -> list[frozenset[Fault]]:
    """What goes wrong with the uploads of each shift. Nothing is late that no later night is left for."""
    fates: list[set[Fault]] = [set() for _ in day_of]
    for fault in _OF_UPLOADS:
        among = np.flatnonzero(day_of < days - 1) if fault is Fault.LATE else np.arange(len(day_of))
        for number in pick(random, among, min(len(among), count_of(rates.get(fault, 0), len(day_of)))):
            fates[number].add(fault)
    return [frozenset(fate) for fate in fates]


def _send(random: np.random.Generator, shift: _Shift, layout: Layout, days: int) -> Iterator[_Sent]:
    """The uploads of one shift: its own, and the same once more from the depot's PC where two routes exist."""
    night = shift.day
    if Fault.LATE in shift.faults:
        night = min(shift.day + int(random.integers(1, LATE_DAYS_MAX + 1)), days - 1)
    parts = _parts(random, shift)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        extra = shift.extra_taps if last else shift.extra_taps[:0]
        forms = shift.extra_forms if last else shift.extra_forms[:0]
        upload = _upload(shift, layout, night, f"{shift.day:03}-{number}")
        yield _mixed(random, upload, part, extra, forms)
    if Fault.ROUTES in shift.faults:
        faults = shift.faults - {Fault.HEADER, Fault.AGAIN} | {Fault.REORDERED}
        upload = _upload(shift, layout, night, f"{shift.day:03}-pc", faults)
        yield _mixed(random, upload, shift.taps, shift.taps[:0], shift.taps[:0])


def _parts(random: np.random.Generator, shift: _Shift) -> list[Ints]:
    """A terminal sends so many at once; a split day goes in several parts of any size."""
    cuts = set(range(BATCH_RECORDS, len(shift.taps), BATCH_RECORDS))
    if Fault.SPLIT in shift.faults and len(shift.taps) > 1:
        wanted = int(random.integers(1, PARTS_MAX))
        cuts |= set(random.integers(1, len(shift.taps), wanted).tolist())
    return np.split(shift.taps, sorted(cuts))


def _upload(
    shift: _Shift, layout: Layout, night: int, number: str, faults: frozenset[Fault] | None = None
) -> Upload:
    """Buses' depots write fixed columns, everybody else JSON lines; every other terminal compresses."""
    buses = layout.devices[shift.device].channel == Channel.BUS
    return Upload(
        shift.device, night, number, buses, shift.device % 2 == 1, shift.faults if faults is None else faults
    )


def _mixed(random: np.random.Generator, upload: Upload, taps: Ints, extra: Ints, forms: Ints) -> _Sent:
    """Extra lines stand anywhere among the others, which keep their order unless they are shuffled."""
    tap = np.concatenate((taps, extra))
    form = np.concatenate((np.zeros(len(taps), np.int64), forms))
    place = np.concatenate((np.arange(len(taps)), random.integers(0, len(taps) + 1, len(extra))))
    order = np.argsort(place, kind="stable")
    if Fault.REORDERED in upload.faults:
        order = random.permutation(len(tap))
    return _Sent(upload, tap[order], form[order])


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *parts])
