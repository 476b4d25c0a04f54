"""Ride codes (乘车码): issued for the account purse of a card, and taken as rides once a terminal reports them.

The terminal has verified the code without a line; here it is verified again, and whether it was used before is known for
all terminals. What the holder rode is paid to the merchant in any case: if the purse is empty by then, the holder owes it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.errors import CardNotActive
from accounts.models import Card, Chart
from accounts.services import postings
from accounts.services.ledger import Leg, post_journal
from accounts.services.payments import account_purse
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.signing import SignPurpose
from terminals.errors import RideCodeWithoutMoney
from terminals.models import CentreKey, Ride, Terminal
from terminals.services.lines import read_lines
from terminals.services.publishing import ride_code_key
from terminals.wire import ride_code
from terminals.wire.ride_code import AMOUNT_MAX_FEN, LIFETIME_MAX, RideCode, RideCodeError
from terminals.wire.rides import MAX_RIDES, RideRecord

TOLERANCE: Final = timedelta(seconds=30)
"""How far a terminal's clock may lie from ours, as terminals judge it too."""
DUPLICATE: Final = "duplicate"

# Locked in the order of their accounts; a code belongs to one card, so two uploads of one code take turns here.
_PURSES: Final = """
SELECT card.pan, card.id, purse.account_id,
    CASE WHEN account.state = 'open' THEN purse.balance_fen - purse.held_fen - purse.floor_fen ELSE 0 END
FROM accounts_purse AS purse JOIN accounts_card AS card ON card.id = purse.card_id
JOIN accounts_ledgeraccount AS account ON account.id = purse.account_id
WHERE card.pan = ANY(%s) AND purse.kind = 'account' ORDER BY purse.account_id FOR NO KEY UPDATE OF purse
"""


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """The text to show until `expires_at`, good for one ride of at most `most_fen`."""

    text: str
    expires_at: datetime
    most_fen: int


def issue_ride_code(*, card: Card, now: datetime | None = None) -> IssuedCode:
    """A new code for one ride from the card's account purse. Nothing is kept of it: it is its own proof.

    Raises CardNotActive, NoAccountPurse, RideCodeWithoutMoney, KeyServiceUnavailable.
    """
    now = (now or timezone.now()).replace(microsecond=0)
    if card.state != Card.State.ACTIVE:
        raise CardNotActive(state=card.get_state_display())
    most_fen = min(account_purse(card).available_fen, AMOUNT_MAX_FEN)
    if most_fen <= 0:
        raise RideCodeWithoutMoney
    seed, public_key = ride_code_key(now)
    ride = RideCode(secrets.token_bytes(ride_code.NUMBER_BYTES), card.pan, now, LIFETIME_MAX, most_fen)
    text = ride_code.issue(
        ride, public_key, lambda data: key_service().sign(SignPurpose.RIDE_CODE, data, version=seed)
    )
    return IssuedCode(text, ride.expires_at, most_fen)


@dataclass(frozen=True, slots=True)
class _Reported:
    """A line with what its code says; `refusal` is why it is no ride."""

    record: RideRecord
    number: bytes
    code: RideCode | None
    refusal: str


@transaction.atomic
def accept_rides(*, terminal: Terminal, body: bytes, now: datetime | None = None) -> list[str]:
    """Take rides, one JSON object a line (see `terminals.wire.rides`); the outcome of each, in their order.

    Outcomes as `Ride.outcome`, and `duplicate` for what this terminal reported before. A fixed number of statements.
    Raises LineRefused (then none is taken), KeyServiceUnavailable, NoOpenBusinessDay.
    """
    now = now or timezone.now()
    keys = _keys()
    records = read_lines(body, limit=MAX_RIDES, read=RideRecord.from_dict)
    reported = [_reported(record, keys, now) for record in records]
    purses = _locked_purses([each.code.card_no for each in reported if each.code])
    numbers = [each.number for each in reported]
    known = Ride.objects.filter(number__in=numbers).values_list("number", "terminal_id", "outcome")
    own = {bytes(number) for number, terminal_id, _ in known if terminal_id == terminal.pk}
    used = {bytes(number) for number, _, outcome in known if outcome in Ride.TAKEN}
    outcomes: list[str] = []
    rides: list[tuple[Ride, _Purse | None]] = []
    for each in reported:
        if each.number in own:
            outcomes.append(DUPLICATE)
            continue
        purse = purses.get(each.code.card_no) if each.code else None
        outcome = each.refusal or _outcome(each, purse, used)
        outcomes.append(outcome)
        own.add(each.number)
        if outcome in Ride.TAKEN:
            used.add(each.number)
        rides.append((_ride(terminal, each, purse, outcome), purse))
    Ride.objects.bulk_create([ride for ride, _ in rides])
    _post(terminal, [(ride, purse) for ride, purse in rides if purse and ride.outcome in Ride.TAKEN])
    Terminal.objects.filter(pk=terminal.pk).update(seen_at=now)
    return outcomes


@dataclass(slots=True)
class _Purse:
    """An account purse under lock, and what is left of it while the upload is judged."""

    card_id: int
    account_id: int
    left_fen: int


def _outcome(each: _Reported, purse: _Purse | None, used: set[bytes]) -> str:
    if purse is None:
        return "unknown_card"
    if each.number in used:
        return "qr_replayed"
    if each.record.amount_fen > purse.left_fen:
        return Ride.CLAIMED
    purse.left_fen -= each.record.amount_fen
    return Ride.PAID


def _reported(record: RideRecord, keys: Mapping[bytes, bytes], now: datetime) -> _Reported:
    """What the code says, judged by the terminal's clock as the terminal did, and by ours against one that is ahead."""
    try:
        number = ride_code.number_of(record.code)
        code = ride_code.read(record.code, keys)
    except RideCodeError as error:
        # Of a forged code nothing is believed, its number neither: it must not stand in the way of the genuine one.
        return _Reported(record, hashlib.sha256(record.code.encode()).digest(), None, error.code)
    when = record.occurred_at
    ahead = timedelta(seconds=settings.FUTURE_TOLERANCE_SECONDS)
    refusals = {
        "qr_early": when < code.issued_at - TOLERANCE,
        "qr_expired": when >= code.expires_at + TOLERANCE,
        "future": when > now + ahead,
        "qr_over": record.amount_fen > code.most_fen,
    }
    refusal = next((name for name, holds in refusals.items() if holds), "")
    return _Reported(record, number, code, refusal)


def _ride(terminal: Terminal, each: _Reported, purse: _Purse | None, outcome: str) -> Ride:
    record = each.record
    return Ride(
        terminal=terminal,
        merchant_id=terminal.merchant_id,
        number=each.number,
        card_id=purse.card_id if purse else None,
        amount_fen=record.amount_fen,
        occurred_at=record.occurred_at,
        place=record.place,
        outcome=outcome,
    )


def _post(terminal: Terminal, rides: Sequence[tuple[Ride, _Purse]]) -> None:
    payable_id, legs = terminal.merchant.payable_id, list[Leg]()
    claim_id = postings.account_id(Chart.SUSPENSE_RECEIVABLE) if rides else 0
    for ride, purse in rides:
        if not ride.amount_fen:
            continue
        facts = {"payable_id": payable_id, "amount_fen": ride.amount_fen, "ride_id": ride.pk}
        if ride.outcome == Ride.PAID:
            legs += postings.ride_paid(purse_id=purse.account_id, occurred_at=ride.occurred_at, **facts)
        else:
            legs += postings.ride_claimed(claim_id=claim_id, occurred_at=ride.occurred_at, **facts)
    if legs:
        actor = f"terminal {terminal.code}"
        source = f"{len(legs)} rides by code"
        post_journal(key=f"rides:{rides[0][0].pk}", kind="rides", actor=actor, source=source, legs=legs)


def _locked_purses(pans: Sequence[str]) -> dict[str, _Purse]:
    with connection.cursor() as cursor:
        cursor.execute(_PURSES, [list(pans)])
        return {pan: _Purse(*purse) for pan, *purse in cursor.fetchall()}


def _keys() -> dict[bytes, bytes]:
    """Public keys of every seed that may have signed a code, by their short names."""
    found = [_key_of_seed(settings.KEY_SERVICE_SOCKET, seed) for seed in _seeds()]
    return {ride_code.key_of(key): key for key in found if key}


def _seeds() -> list[int]:
    ride_code_key(timezone.now())  # there is one at least
    return list(CentreKey.objects.values_list("seed", flat=True))


@lru_cache(maxsize=64)
def _key_of_seed(socket: str, seed: int) -> bytes | None:
    try:
        return key_service().public_key(SignPurpose.RIDE_CODE, version=seed)
    except KeyServiceError:  # retired: nothing it signed is young enough
        return None
