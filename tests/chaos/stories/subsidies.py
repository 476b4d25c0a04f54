"""A payer's file is uploaded and approved by a second person: some of it for account purses, some for chips."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import Purse, SubsidyBatch, TopUpOrder
from accounts.selectors.balances import account_balance_fen
from accounts.services import subsidies
from tests.accounts.subsidies.files import subsidy_file
from tests.chaos.gateway import Gateway
from tests.chaos.stories.story import Story, differences, purse_fen
from tests.factories import CLERK, make_card, make_citizen, make_product

ONLINE_FEN, CHIP_FEN = 10_000, 20_000
_numbers = itertools.count(1)


@dataclass(frozen=True)
class File:
    """What an agency sends, and whom it is for."""

    payer: str
    content: bytes
    online: Purse
    chip: Purse


def file(gateway: Gateway) -> File:
    payer = f"P{next(_numbers)}"
    subsidies.open_subsidy_payer(code=payer, name="民政局", actor=CLERK)
    online, plain = (
        make_card(
            product=make_product(code=code, real_name=True, account_limit_fen=limit_fen),
            citizen=make_citizen(),
        )
        for code, limit_fen in (("subsidy-online", 100_000), ("subsidy-chip", 0))
    )
    content = subsidy_file([(online.pan, "100"), (plain.pan, "200")], number=f"S-{payer}", payer=payer)
    return File(payer, content, online.purses.get(kind="account"), plain.purses.get())


def upload_and_approve(gateway: Gateway, file: File) -> None:
    batch = subsidies.upload_subsidy_file(content=file.content, maker="maker")
    subsidies.approve_subsidy_batch(batch=batch, checker="checker", occurred_at=timezone.now())


def paid(gateway: Gateway, file: File) -> list[str]:
    """Taken once and whole."""
    payer = subsidies.open_subsidy_payer(code=file.payer, name="民政局", actor=CLERK)
    orders = TopUpOrder.objects.filter(party=file.payer).order_by("amount_fen")
    return differences(
        batches=(
            list(SubsidyBatch.objects.filter(payer=payer).values_list("state", flat=True)),
            ["approved"],
        ),
        online=(purse_fen(file.online), ONLINE_FEN),
        orders=(
            list(orders.values_list("purse_id", "amount_fen", "state")),
            [(file.online.pk, ONLINE_FEN, "confirmed"), (file.chip.pk, CHIP_FEN, "paid")],
        ),
        owed=(account_balance_fen(payer.pk), ONLINE_FEN + CHIP_FEN),
    )


STORIES = (Story("subsidy uploaded and approved", file, upload_and_approve, upload_and_approve, paid),)
