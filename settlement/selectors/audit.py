"""The audit of the books: the city's twelve invariants, each with the rules of every layer that prove it.

One module for tests, for `manage.py audit_ledger` and for the nightly clearing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

from django.db import connection, transaction

from accounts.models import Transfer
from accounts.selectors import invariants as accounts_invariants
from accounts.selectors.balances import TrialBalanceRow, trial_balance
from citizencard.core.invariants import Breach, breaches
from citizencard.core.models import BusinessDay
from settlement.selectors import invariants as settlement_invariants
from terminals.models import Tap
from terminals.selectors import invariants as terminals_invariants

_LAYERS: Final = (accounts_invariants, terminals_invariants, settlement_invariants)
_BOOKS: Final = (accounts_invariants, terminals_invariants)
_VALUES: Final = accounts_invariants.VALUES | terminals_invariants.VALUES
_AUDIT_WORK_MEM: Final = "256MB"

# A query that names one of these tables reads the date's rows of it: the nearer name wins.
_DATED: Final = (
    "accounts_transfer",
    "accounts_journal",
    "accounts_tally",
    "terminals_batch",
    "terminals_tap",
    "terminals_refusal",
)
_SLICE: Final = "{0} AS NOT MATERIALIZED (SELECT * FROM public.{0} WHERE business_date = %(day)s)"
_OF_THE_DATE: Final = f"WITH {', '.join(map(_SLICE.format, _DATED))} SELECT * FROM (%s) AS rule"  # noqa: S608  constants only


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
            "a purse account stands in the chart of the product it was sold as, under its control account",
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
            "a credit of a dispute is its charge's, over its amount, for its card",
            "what disputes have advanced is in account 1222",
            "what follows a replaced card is what it held, and all of it",
            "a replaced card is out of use, and empty once its money has followed",
            "a card is replaced by one that was made for it",
            "a level of stock is what its movements add up to and what lies there",
            "a card that was produced and is neither issued, scrapped nor lost is somewhere",
            "a card that somebody holds is out of stock",
            "an application's card was sold for what was taken, and not before it was written",
            "cash that a clerk with an open drawer takes or gives is in that drawer, and nothing else is",
            "the receipts of a hall and day are numbered without a gap",
            "a closed drawer held its float and what was booked to it, as it was counted",
            "a dispute stands where its charge does",
            "a dispute ends as it was decided, by as many people as its amount asks for",
            "what is disputed and given back of a charge is within it",
            "a fare given back is the top-up it waits in, off its merchant",
            "what is given back of a purchase is an order of its card, out of its merchant's account, within the purchase",
            "payouts in transit are the orders on their way",
            "a bank entry is one transfer on the bank's account",
            "a bank statement begins where the one before ended, and adds up",
            "what no one knows of a bank statement is an item in suspense",
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
            "what two people have decided of a held purchase or a claim is done as they said, and nothing else is",
            "a claim settled has its one transfer, out of the purse it was collected from or as a loss",
            "a claim is collected from a purse of its own card",
            "what waits in suspense is what is not decided, and every claim not settled is there",
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
            "a payout, a bank entry and a suspense item have their transfers, and no transfer is without",
            "an order is booked and returned as its state says",
            "a payout batch is the sum of its orders",
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
            "a card is missed for now while its report for now stands",
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
            "a roll-up is what the ledger moved for its merchants",
            "signed heads follow one another",
        ),
    ),
    Invariant(
        "I12",
        "every record ends somewhere, every refusal has its rule",
        (
            "every record of a batch is a tap or a refusal",
            "a refusal names a reason that has a rule",
            "what a comparison finds is a difference on record",
            "a terminal's total that does not agree is a difference on record",
            "a difference explained has its explanation",
            "the history of a difference ends as it stands",
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


def broken_invariants() -> list[Breach]:
    """Every breach the audit finds in all dates, judged at one moment; empty is good. It takes longer with every date."""
    with one_snapshot():
        return [breach for layer in _LAYERS for breach in layer.broken()]


def failing(check: str, *, day: date) -> list[Breach]:
    """What one of the CHECKS finds broken on a date that is cut off; empty is good. Takes as long as the date is large.

    Each rule is one statement and so sees one moment. Raises KeyError for no check.
    """
    with transaction.atomic():
        allow_work_memory()
        return CHECKS[check](day)


def _of_a_date(layer: Any, check: str, day: date) -> list[Breach]:
    """Rules that speak of a date's rows, over those rows alone."""
    values = _VALUES | {"day": day}
    if short := layer.IN_SHORT.get(check):
        with connection.cursor() as cursor:
            cursor.execute(_OF_THE_DATE.replace("%s", short), values)
            if cursor.fetchone()[0]:
                return []
    rules = ((name, _OF_THE_DATE.replace("%s", layer.RULES[name])) for name in layer.OF_A_DATE[check])
    found = breaches(rules, values)
    return (
        found or [Breach(check, str(day), "rows and their counterparts are not as many")] if short else found
    )


def _standing(day: date) -> list[Breach]:
    """What stands now, of every layer."""
    queries = ((name, layer.RULES[name]) for layer in _BOOKS for name in layer.OF_NOW)
    return breaches(queries, _VALUES)


CHECKS: Final[Mapping[str, Callable[[date], list[Breach]]]] = {
    **{check: partial(_of_a_date, layer, check) for layer in _BOOKS for check in layer.OF_A_DATE},
    "standing": _standing,
    "statements": lambda day: settlement_invariants.broken(day=day),
}
"""What is checked of a date before it is sealed, in parts that any number of workers share.

The dates before it are sealed and were checked, and tallies carry the sums over all of them, so a night takes as long as its own
date is large. What only the whole past can show is left to `broken_invariants`.
"""


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Read the database as it is at one moment, however long it takes and whatever is posted meanwhile."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        allow_work_memory()
        yield


def allow_work_memory() -> None:
    """For the caller's transaction: audits join whole days; on disk their hash tables and sorts take three times as long."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true)", [_AUDIT_WORK_MEM])
