"""A business date's taps are priced card by card, some hundred cards a transaction; a day that is over is done once.

The open day may be priced as often as one likes: what has not changed makes no new version. Acceptance never waits for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from citizencard.core.calendar import assign_business_date
from citizencard.core.models import BusinessDay
from terminals.fares.book import Book
from terminals.fares.holder import ANONYMOUS
from terminals.models import FarePricing
from terminals.selectors.fares import fare_book
from terminals.services.pricing import reading
from terminals.services.pricing.boarding import book_passes
from terminals.services.pricing.judge import Version, Window, judge_card, rule_reader, window_of
from terminals.services.pricing.rebuild import rebuild
from terminals.services.pricing.writing import write

CARDS: Final = 500
"""How many cards a transaction prices."""
FAULTS_MAX: Final = 20
_LOCK: Final = 0x5052_4943  # "PRIC": one pricing at a time


@dataclass(frozen=True, slots=True)
class PricedDay:
    """How many cards were looked at, versions written, and fen given back in all; taps without a fare by reason."""

    business_date: date
    cards: int
    charges: int
    given_fen: int
    faults: dict[str, int]


def price_due_days(*, now: datetime | None = None) -> list[PricedDay]:
    """Price every business date that is over and not done, oldest first."""
    done = FarePricing.objects.filter(finished_at__isnull=False).values("business_date")
    due = BusinessDay.objects.exclude(state=BusinessDay.State.OPEN).exclude(date__in=done).order_by("date")
    return [price_day(day=day, now=now) for day in due.values_list("date", flat=True)]


def price_day(*, day: date, now: datetime | None = None, cards: int = CARDS) -> PricedDay:
    """Price the taps of a business date, going on where a day that is over was left; the open day from the beginning."""
    now, book = now or timezone.now(), fare_book()
    over = not BusinessDay.objects.filter(date=day, state=BusinessDay.State.OPEN).exists()
    FarePricing.objects.get_or_create(business_date=day)
    row = FarePricing.objects.filter(business_date=day)
    if not over:
        row.update(last_card_id=0, cards=0, charges=0, faults={})
    while _price_chunk(day, book, now, cards):
        pass
    if over:
        row.filter(finished_at=None).update(finished_at=now)
    told = row.get()
    return PricedDay(day, told.cards, told.charges, told.given_fen, told.faults)


def take_turn() -> None:
    """Until the transaction ends no ride is priced, nor given back, by anybody else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


@transaction.atomic
def _price_chunk(day: date, book: Book, now: datetime, limit: int) -> bool:
    """Price the next cards and remember how far it is; whether there were any."""
    take_turn()
    progress = FarePricing.objects.get(business_date=day)
    earliest = reading.cards_of(day, progress.last_card_id, limit)
    if not earliest:
        return False
    faults = Counter(progress.faults)
    versions = _judge(day, earliest, book, now, faults)
    if versions:
        key = f"{day:%Y%m%d}-{progress.last_card_id}-{_next_run()}"
        write(versions=versions, key=key, booked_on=assign_business_date(), now=now)
        book_passes(versions=versions, book=book, key=key)
    progress.last_card_id = max(earliest)
    progress.cards += len(earliest)
    progress.charges += len(versions)
    progress.given_fen += sum(each.given_fen for each in versions)
    progress.faults = dict(faults.most_common(FAULTS_MAX))
    progress.save()
    return True


def _judge(
    day: date, earliest: dict[int, datetime], book: Book, now: datetime, faults: Counter[str]
) -> list[Version]:
    cards, rule_of = list(earliest), rule_reader(book)
    windows: dict[datetime, Window] = {}
    for card_id, since in earliest.items():
        hour = since.replace(minute=0, second=0, microsecond=0)
        earliest[card_id] = hour
        if hour not in windows:
            windows[hour] = window_of(book, hour)
    first = min(window.needed_from for window in windows.values())
    taps, kept = reading.taps_of(cards, first), reading.kept_of(cards, first)
    healed, holders = reading.healed_of(cards), reading.holders_of(cards)
    versions: list[Version] = []
    for card_id in cards:
        window = windows[earliest[card_id]]
        mine = [tap for tap in taps.get(card_id, ()) if tap.occurred_at >= window.needed_from]
        rebuilt = rebuild(mine, rule_of, now)
        holder = holders.get(card_id, ANONYMOUS)
        versions += judge_card(
            rebuilt, kept.get(card_id, {}), book, holder, healed.get(card_id, Counter()), window.judged_from
        )
        faults.update(reason for tap, reason in rebuilt.faults if tap.business_date == day)
    return versions


def _next_run() -> int:
    """A number of its own for what is booked: the database remembers by the versions what was booked before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('terminals_farecharge_id_seq')")
        number: int = cursor.fetchone()[0]
    return number
