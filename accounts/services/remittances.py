"""Money handed over: an agent pays what it owes, a kiosk's cash box is emptied and counted."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.models import Agent, Chart, LedgerAccount, Remittance
from accounts.selectors.balances import account_balance_fen
from accounts.services import postings
from accounts.services.ledger import open_account, post_journal
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField


@transaction.atomic
def receive_agent_payment(
    *,
    agent: Agent,
    amount_fen: int,
    key: str,
    actor: str,
    occurred_at: datetime,
    into: Chart = Chart.RESERVE_BANK,
) -> Remittance:
    """An agent pays `amount_fen` of its debt, at the bank unless told otherwise. The same row when called again.

    Raises Conflict (the key was used for something else), InvalidField.
    """
    return _remit(agent.account, amount_fen, amount_fen, key=key, actor=actor, at=occurred_at, into=into)


@transaction.atomic
def empty_kiosk(
    *,
    kiosk: str,
    counted_fen: int,
    key: str,
    actor: str,
    occurred_at: datetime,
    into: Chart = Chart.COUNTER_CASH,
) -> Remittance:
    """A kiosk's cash box is brought in and counted; what is over or short waits in suspense. Same row when called again.

    Close the kiosk meanwhile: what it takes between emptying and this call is expected in this box and not there.
    Raises Conflict (the key was used for something else), InvalidField.
    """
    box = locks.lock_account(open_account(chart=Chart.KIOSK_CASH, owner=kiosk).pk)
    expected_fen = account_balance_fen(box.pk)
    return _remit(box, counted_fen, expected_fen, key=key, actor=actor, at=occurred_at, into=into)


def _remit(
    account: LedgerAccount,
    counted_fen: int,
    expected_fen: int,
    *,
    key: str,
    actor: str,
    at: datetime,
    into: Chart,
) -> Remittance:
    if type(counted_fen) is not int or counted_fen < 0:
        raise InvalidField("amount_fen", _("a whole number of fen, not negative"))
    locks.lock_account(account.pk)
    known = Remittance.objects.filter(key=key).first()
    if known is not None:
        if (known.account_id, known.counted_fen, known.into) != (account.pk, counted_fen, into):
            raise Conflict(what=f"remittance {key}")
        return known
    remittance = Remittance.objects.create(
        key=key,
        account=account,
        into=into,
        counted_fen=counted_fen,
        expected_fen=expected_fen,
        actor=actor,
        occurred_at=at,
    )
    if legs := postings.remitted(remittance=remittance):
        post_journal(key=f"remittance:{key}", kind="remittance", actor=actor, source=account.code, legs=legs)
    record_audit(
        actor=actor,
        action="remittance.receive",
        subject=f"account:{account.code}",
        detail={"key": key, "counted_fen": counted_fen, "expected_fen": expected_fen},
    )
    return remittance
