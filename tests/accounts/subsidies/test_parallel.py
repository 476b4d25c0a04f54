"""Two clerks and two checkers at once. Real transactions, real threads."""

from __future__ import annotations

import pytest

from accounts.models import Journal, SubsidyBatch, TopUpOrder
from accounts.selectors.balances import account_balance_fen
from accounts.services import subsidies
from citizencard.core.errors import MakerIsChecker
from tests.accounts.subsidies.files import subsidy_file
from tests.accounts.threads import in_threads
from tests.factories import CLERK, NOON, make_card, make_citizen, make_product

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("open_day")]


def test_a_file_uploaded_and_approved_by_many_at_once_is_paid_once() -> None:
    payer = subsidies.open_subsidy_payer(code="MZJ", name="民政局", actor=CLERK)
    product = make_product(real_name=True, account_limit_fen=100_000)
    card = make_card(product=product, citizen=make_citizen())
    content = subsidy_file([(card.pan, "100.00")])
    batches = in_threads(6, lambda _: subsidies.upload_subsidy_file(content=content, maker="maker").pk)
    assert len(set(batches)) == SubsidyBatch.objects.count() == 1
    batch = SubsidyBatch.objects.get()

    def approve(number: int) -> SubsidyBatch:
        checker = "maker" if number == 0 else f"checker {number}"
        return subsidies.approve_subsidy_batch(batch=batch, checker=checker, occurred_at=NOON)

    in_threads(6, approve, MakerIsChecker)
    assert SubsidyBatch.objects.get().checker != "maker"
    assert (TopUpOrder.objects.count(), Journal.objects.filter(kind="subsidy_paid").count()) == (1, 1)
    assert account_balance_fen(payer.pk) == card.purses.get(kind="account").balance_fen == 10_000
