"""What breaks off in the middle of a step leaves nothing of it, and the next attempt does the whole step."""

from __future__ import annotations

from datetime import date

import pytest

from accounts.models import Transfer
from settlement.models import BankFile, BankStatement, PayoutBatch
from settlement.selectors import invariants
from settlement.services import bank_booking, payouts, statements
from tests.settlement.bank.bank import MAKER, NOW, approved, debits, statement

pytestmark = pytest.mark.django_db


class _Killed(Exception):
    pass


def killed(*args: object, **kwargs: object) -> None:
    raise _Killed


PLACES = ((payouts, "keep_file"), (payouts, "_audit"), (payouts, "post_journal"))
LATER = (
    (statements, "keep_file"),
    (bank_booking, "post_journal"),
    (bank_booking, "follow_orders"),
    (statements, "check_reserve"),
    (statements, "record_audit"),
)


def left() -> tuple[object, ...]:
    """Everything that a step could leave behind."""
    batch = PayoutBatch.objects.get()
    orders = list(batch.orders.order_by("pk").values_list("state", flat=True))
    return (
        batch.state,
        orders,
        Transfer.objects.count(),
        BankFile.objects.count(),
        BankStatement.objects.count(),
    )


def test_sending_and_importing_survive_a_kill_at_every_place(
    cleared: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = approved()
    before = left()
    for module, name in PLACES:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with pytest.raises(_Killed):
                payouts.send_payouts(batch=batch, actor=MAKER, now=NOW)
        assert left() == before, name
    payouts.send_payouts(batch=batch, actor=MAKER, now=NOW)
    content, before = statement(debits(batch)), left()
    for module, name in LATER:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with pytest.raises(_Killed):
                statements.import_statement(content=content, actor=MAKER, now=NOW)
        assert left() == before, name
    statements.import_statement(content=content, actor=MAKER, now=NOW)
    assert left()[:2] == ("settled", ["paid", "paid"])
    assert invariants.broken() == []
