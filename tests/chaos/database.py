"""T1a and T5: the database dies under load; what it acknowledged is there, once, and every sum of everything agrees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection
from django.utils import timezone

from accounts.models import Journal, Purse
from accounts.services.ledger import open_account
from accounts.services.payments import account_purse
from benchmarks.databases import copied_database, execute_as_owner
from citizencard.core.calendar import open_business_day
from settlement.selectors.audit import broken_invariants
from tests.accounts.purses.filling import fill
from tests.chaos.figures import Pair
from tests.chaos.house import TEMPLATE, House, disconnect
from tests.chaos.storm import Storm, storm
from tests.chaos.teller import Teller, read_everything
from tests.factories import make_card, make_product

TELLERS: Final = 4
PURSES: Final = 10
FILLING_FEN: Final = 100_000_000
SIZE: Final = {"kills": 4, "acks": 1_000}
FULL: Final = {"kills": 200, "acks": 500_000}
CONTROL: Final = {"kills": 2, "acks": 500}


def run(house: House, *, full: bool) -> Iterator[Pair]:
    """What was promised, and what was read, while the database died again and again."""
    with _bank() as purses:
        safe = _storm(house, purses, FULL if full else SIZE)
        lost = _missing(safe)
        wrong = _wrong_purses(safe, purses) + [str(breach) for breach in broken_invariants()] + safe.refused
    with _bank() as purses:
        give_up_durability()
        unsafe = _storm(house, purses, CONTROL)
        lost_unsafe = _missing(unsafe)
    yield Pair(
        name="T1a database killed",
        done=str(safe),
        lost=len(lost) + len(wrong),
        control=f"synchronous_commit=off, {len(unsafe.restarts)} kills, {len(unsafe.keys):,} acknowledged",
        control_lost=len(lost_unsafe),
        found=(*lost[:5], *wrong[:5]),
    )
    yield Pair(
        name="T5 bank test under kills",
        done=f"{safe.total('reads'):,} sums of everything, each in one snapshot",
        lost=safe.total("wrong_reads"),
        control="the same sums in two snapshots",
        control_lost=safe.total("torn_reads"),
    )


@contextmanager
def _bank() -> Iterator[list[Purse]]:
    """Purses with plenty in them, in a database of their own."""
    with copied_database(TEMPLATE):
        open_business_day(timezone.localdate())
        product = make_product(code="bank", price_fen=0, deposit_fen=0, account_limit_fen=10 * FILLING_FEN)
        purses = [account_purse(make_card(product=product)) for _ in range(PURSES)]
        for purse in purses:
            fill(purse, FILLING_FEN)
        yield purses


def give_up_durability() -> None:
    """The control's server answers before a commit has left its memory."""
    name = connection.settings_dict["NAME"]
    execute_as_owner(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    disconnect()


def _storm(house: House, purses: list[Purse], size: dict[str, int]) -> Storm:
    teller = Teller(purses, open_account(chart="2202", owner="shop").pk, open_account(chart="1011").pk)
    return storm(house, [teller] * TELLERS + [read_everything], **size)


def _missing(storm: Storm) -> list[str]:
    """What was acknowledged and is not there."""
    there = set(Journal.objects.values_list("key", flat=True))
    return [key for key in storm.keys if key not in there]


def _wrong_purses(storm: Storm, purses: list[Purse]) -> list[str]:
    """Purses that do not hold what was acknowledged, once."""
    held = dict(Purse.objects.values_list("pk", "balance_fen"))
    expected = {purse.pk: FILLING_FEN + storm.fen(purse.pk) for purse in purses}
    return [f"purse {pk}: {held[pk]}, not {fen}" for pk, fen in expected.items() if held[pk] != fen]
