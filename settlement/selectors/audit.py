"""The audit of the books: the city's twelve invariants, each with the rules of every layer that prove it.

One module for tests, for `manage.py audit_ledger` and for the nightly clearing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection, transaction

from accounts.models import Transfer
from accounts.selectors import invariants as accounts_invariants
from accounts.selectors.balances import TrialBalanceRow, trial_balance
from citizencard.core.invariants import Breach
from citizencard.core.models import BusinessDay
from settlement.selectors import invariants as settlement_invariants
from terminals.models import Tap
from terminals.selectors import invariants as terminals_invariants

_LAYERS: Final = (accounts_invariants, terminals_invariants, settlement_invariants)
_AUDIT_WORK_MEM: Final = "256MB"


@dataclass(frozen=True, slots=True)
class Invariant:
    """One law of the books, and the rules that prove it."""

    number: str
    law: str
    rules: tuple[str, ...]


INVARIANTS: Final = (
    Invariant(
        "I1",
        "the ledger sums to zero",
        (
            "debits are credits on every date",
            "a transfer stands between two accounts of the ledger",
            "a transfer belongs to a journal of its business date",
            "a journal has transfers",
            "a tally is the sum of its transfers",
            "a closing balance is the tallies up to its date",
            "an account's side is its chart's",
            "the triggers that guard the ledger are on",
        ),
    ),
    Invariant(
        "I2",
        "the purses are the city's liability",
        (
            "a purse holds the sum of its transfers",
            "the purses add up to their control account",
            "a purse account stands in the chart of its product, under its control account",
            "what a purse sets aside is what its holds reserve",
        ),
    ),
    Invariant(
        "I3",
        "what is held covers what is owed, item by item",
        (
            "what the city holds is what it owes and has earned",
            "value in transit is the paid orders not yet confirmed",
            "what is unused of passes is in account 2051",
            "refunds payable are those not paid yet",
            "a deposit is returned once, and not more than was taken",
            "a document has the transfers that it asks for, and no transfer is without",
            "a refund empties its card into what is owed",
            "a fare given back is the top-up it waits in, off its merchant",
            "what is given back of a purchase is an order of its card, out of its merchant's account, within the purchase",
        ),
    ),
    Invariant(
        "I4",
        "a card is debited on a right TAC or an online authorisation only",
        (
            "a purse is debited for what it has a document for",
            "a tap with an amount has its one transfer, and a transfer its tap",
            "a transfer of a tap runs as its outcome asks",
            "a held purchase decided has the transfers that its rule asks for",
            "a grey record settled has its one transfer, and a transfer its grey record",
            "a tap stands on a batch, terminal, merchant and card that exist",
            "a ride by code is paid once, by its purse or as a claim",
            "a payment or its refund is one transfer between its purse and its payee",
            "what is captured of a hold is its payments",
            "no payment is refunded beyond what was paid",
            "an order's postings are those of its state",
            "a card is where its last event left it",
            "a card's events follow each other",
            "a card is being refunded while its refund is under way",
            "the triggers that guard taps, refusals and fares are on",
        ),
    ),
    Invariant(
        "I5",
        "a counter counts once",
        (
            "a card's counter pays once",
            "a terminal's sequence pays once",
            "the purchase counters seen of a card are those of its taps",
            "the sequences seen of a terminal are those of its taps",
            "the load counters seen are those of confirmed orders",
        ),
    ),
    Invariant(
        "I6",
        "a transaction is settled in one window",
        (
            "a transfer was posted to a business day that exists",
            "a tap has the business date of its batch",
            "a tap is settled on one date",
            "a refusal belongs to a batch of its business date",
            "a business day is sealed when it is cleared, and not before",
        ),
    ),
    Invariant(
        "I7",
        "the net of all parties is zero",
        (
            "each posted statement has its transfers, and no transfer is without",
            "a cleared date leaves nothing payable",
            "a run is the sum of its statements",
            "the positions of a run sum to zero",
            "an adjustment has its one transfer, and a transfer its adjustment",
            "what is adjusted on a statement is its adjustments",
        ),
    ),
    Invariant(
        "I8",
        "no fen is lost in rounding",
        (
            "a fee follows its contract",
            "the shares of a statement are its split, to the fen",
            "a pass is its rides, its time, its refund and what is unused",
            "no ride gives back more than was taken, nor less than it should",
            "a fare subsidy is the sum of its trips",
        ),
    ),
    Invariant(
        "I9",
        "no purse passes its limits",
        ("a purse keeps floor and ceiling, those of its product",),
    ),
    Invariant(
        "I10",
        "a card known to be lost pays nobody",
        (
            "a card known to be on the hot list pays nobody",
            "a held purchase is decided for a tap that was held, to whom it belongs",
        ),
    ),
    Invariant(
        "I11",
        "clearing a date again changes nothing",
        (
            "a statement is what its merchant's taps come to",
            "a statement has the contract of its date, and the month before it",
            "a statement's online payments are those of the ledger",
            "statements keep their digest",
        ),
    ),
    Invariant(
        "I12",
        "every record ends somewhere, every refusal has its rule",
        (
            "every record of a batch is a tap or a refusal",
            "a refusal names a reason that has a rule",
        ),
    ),
)
_NUMBER_OF: Final = {rule: invariant.number for invariant in INVARIANTS for rule in invariant.rules}


def number_of(rule: str) -> str:
    """I1 to I12: which invariant a rule belongs to. Raises KeyError for a rule of none."""
    return _NUMBER_OF[rule]


def all_rules() -> tuple[str, ...]:
    """Every rule that an audit checks, of every layer."""
    return tuple(rule for layer in _LAYERS for rule in layer.rules())


@dataclass(frozen=True, slots=True)
class Audit:
    """What one audit looked at and what it found; no breaches is good."""

    rules: int
    breaches: list[Breach]
    trial_balance: list[TrialBalanceRow]
    transfers: int
    taps: int
    days: int


def audit_books() -> Audit:
    """Check everything and count what was checked, as of one moment."""
    with one_snapshot():
        return Audit(
            rules=len(all_rules()),
            breaches=broken_invariants(),
            trial_balance=trial_balance(),
            transfers=Transfer.objects.count(),
            taps=Tap.objects.count(),
            days=BusinessDay.objects.count(),
        )


def broken_invariants(*, day: date | None = None) -> list[Breach]:
    """Every breach the audit finds, all judged at one moment; for settlement only those of `day`, when given.

    Empty is good. Accounts and terminals are always judged whole: a purse has no business date.
    """
    with one_snapshot():
        return [
            *accounts_invariants.broken(),
            *terminals_invariants.broken(),
            *settlement_invariants.broken(day=day),
        ]


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Read the database as it is at one moment, however long it takes and whatever is posted meanwhile."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if outermost:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # The audit joins whole days; on disk its hash tables and sorts take three times as long.
            cursor.execute("SELECT set_config('work_mem', %s, true)", [_AUDIT_WORK_MEM])
        yield
