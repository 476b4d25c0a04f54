"""Purchases of every outcome that waits, made as terminals make them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from accounts.models import Card, LedgerAccount, Purse
from accounts.selectors.balances import account_balance_fen
from terminals.models import Tap
from terminals.services.acceptance import accept_batch
from terminals.services.acceptance_policy import publish_acceptance_policy
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.factories import CLERK, NOON
from tests.terminals.field import Field

LIMIT_FEN: Final = 5_000
PRICE_FEN: Final = 200
LATE_DAYS: Final = 7
DECIDE_DAYS: Final = 30
LATER: Final = NOON + timedelta(days=DECIDE_DAYS, hours=1)


def publish_terms(**changes: object) -> None:
    """Buses: 50 yuan at most, seven days until a record is late, thirty until what is held goes back."""
    terms: dict[str, object] = {
        "channel": "bus",
        "valid_from": date(2026, 1, 1),
        "purchase_limit_fen": LIMIT_FEN,
        "late_days": LATE_DAYS,
        "decide_days": DECIDE_DAYS,
        "hold_over_price": True,
        "legal_basis": "公交受理规程 4.2",
        "actor": CLERK,
    }
    publish_acceptance_policy(**terms | changes)  # type: ignore[arg-type]


def upload(field: Field, *records: TapRecord, now: datetime = NOON) -> list[Tap]:
    """Records taken in one batch at `now`; their taps in the order of the lines."""
    batch = accept_batch(
        terminal=field.terminal, body=build_batch(f"B-{records[0].terminal_seq}", records), now=now
    )
    return list(Tap.objects.filter(batch_id=batch.pk).order_by("line"))


def held(field: Field, card: Card, outcome: Tap.Outcome, amount_fen: int, atc: int = 1) -> Tap:
    """One purchase that is held for this reason."""
    if outcome == Tap.Outcome.COUNTER_CONFLICT:
        records: Sequence[TapRecord] = [field.tap(card, atc, 0), field.tap(card, atc, amount_fen)]
    elif outcome == Tap.Outcome.LATE:
        when = NOON - timedelta(days=LATE_DAYS, seconds=9 - atc)
        records = [field.tap(card, atc, amount_fen, occurred_at=when)]
    else:
        records = [field.tap(card, atc, amount_fen)]
    tap = upload(field, *records)[-1]
    assert tap.outcome == outcome
    return tap


def balance(code: str) -> int:
    """Of an account, nothing where it was never opened."""
    account = LedgerAccount.objects.filter(code=code).first()
    return account_balance_fen(account.pk) if account else 0


def purse_fen(card: Card) -> int:
    """Of the purse on the chip, by the books."""
    return Purse.objects.get(card=card, kind=Purse.Kind.CHIP).balance_fen
