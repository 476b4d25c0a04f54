"""A pass comes back over the counter: what is unused is shown, agreed to and paid in cash, once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Pass, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services import passes
from accounts.services.ledger import open_account
from citizencard.core.calendar import shanghai
from citizencard.core.models import AuditEntry
from tests.citizencard.office.money import Money
from tests.factories import CLERK

SignIn = Callable[[str], Client]
WHY = {"reason": "不再通勤"}


def page_of(held: Pass, step: str = "give_back") -> str:
    return f"/office/accounts/pass/{held.pk}/{step}/"


def words(answer: object) -> str:
    html: str = answer.content.decode()  # type: ignore[attr-defined]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def quoted(client: Client, held: Pass) -> int:
    """The amount the page's form would send, in fen."""
    found = re.search(r'name="quoted" value="(\d+)"', client.get(page_of(held)).content.decode())
    assert found
    return int(found[1])


def cash_fen() -> int:
    return account_balance_fen(open_account(chart="1011").pk)


@pytest.fixture
def sell(money: Money) -> Callable[..., Pass]:
    """Sell ten rides for twelve yuan, a yuan and a half of which is kept, from today on."""

    def sell(**terms: object) -> Pass:
        now = timezone.now()
        today = shanghai(now).date()
        sold = {"code": "ride", "refund": "pro_rata", "refund_fee_fen": 150, "rides": 10} | terms
        passes.publish_pass_product(
            name="通勤十次卡",
            kind="times",
            price_fen=1_200,
            validity_days=30,
            channels=["bus"],
            operator="bus",
            operator_name="公交集团",
            unused="operator",
            legal_basis="票价方案〔2026〕2号",
            valid_from=today - timedelta(days=1),
            actor="finance",
            **sold,  # type: ignore[arg-type]
        )
        return passes.sell_pass(
            card=money.card,
            code=str(sold["code"]),
            starts_on=today,
            paid_by="cash",
            number=f"P-{sold['code']}",
            actor=CLERK,
            occurred_at=now,
        )

    return sell


def ride(held: Pass, key: str) -> None:
    bus = open_account(chart="2202", owner="bus")
    used = passes.use_pass(
        card=held.card, channel="bus", payee=bus, fare_fen=200, key=key, occurred_at=timezone.now()
    )
    assert used is not None


def test_the_formula_is_shown_and_nothing_happens_by_looking(
    sell: Callable[..., Pass], as_staff: SignIn
) -> None:
    held = sell()
    ride(held, "T1:1")
    clerk = as_staff("clerk")
    text = words(clerk.get(page_of(held)))
    for line in (
        "通勤十次卡",
        "+12.00",
        "已用 1 次，共 10 次 −1.20",
        "−1.50",
        "应退现金 9.30",
        "票价方案〔2026〕2号",
    ):
        assert line in text, line
    assert page_of(held)[:-1] in clerk.get(page_of(held, "change")).content.decode()
    assert Pass.objects.get(pk=held.pk).state == Pass.State.ACTIVE


def test_the_holder_gets_what_was_shown_in_cash_and_only_once(
    sell: Callable[..., Pass], as_staff: SignIn
) -> None:
    held, clerk, before = sell(), as_staff("clerk"), cash_fen()
    form = WHY | {"quoted": str(quoted(clerk, held))}
    for _ in range(2):  # a button pressed twice
        text = words(clerk.post(page_of(held), form))
        assert "已退款" in text
        assert "现金支付（元） 10.50" in text
    assert before - cash_fen() == 1_050
    assert Transfer.objects.filter(kind=Transfer.Kind.PASS_REFUNDED, source_id=held.pk).count() == 2
    entry = AuditEntry.objects.get(action="pass.refund")
    assert (entry.actor, entry.detail["reason"], entry.detail["payable_fen"]) == ("clerk", "不再通勤", 1_050)
    assert page_of(held)[:-1] not in clerk.get(page_of(held, "change")).content.decode()


def test_a_pass_used_since_it_was_quoted_is_quoted_anew(sell: Callable[..., Pass], as_staff: SignIn) -> None:
    held, clerk = sell(), as_staff("clerk")
    old = quoted(clerk, held)
    ride(held, "T1:1")
    answer = clerk.post(page_of(held), WHY | {"quoted": str(old)})
    assert "金额在显示之后有变化" in words(answer)
    assert f'name="quoted" value="{old - 120}"' in answer.content.decode()
    assert Pass.objects.get(pk=held.pk).state == Pass.State.ACTIVE
    assert "9.30" in words(clerk.post(page_of(held), WHY | {"quoted": str(old - 120)}))
    assert Pass.objects.get(pk=held.pk).state == Pass.State.REFUNDED


@pytest.mark.parametrize(
    "form", [{"reason": "", "quoted": "1050"}, {"reason": "退票"}, WHY | {"quoted": "-1"}]
)
def test_a_reason_and_the_amount_are_needed(
    sell: Callable[..., Pass], as_staff: SignIn, form: dict[str, str]
) -> None:
    held = sell()
    assert as_staff("clerk").post(page_of(held), form).status_code == 200
    assert Pass.objects.get(pk=held.pk).state == Pass.State.ACTIVE


def test_a_pass_sold_without_return_says_so_and_why(sell: Callable[..., Pass], as_staff: SignIn) -> None:
    held, clerk = sell(refund="none", refund_fee_fen=0), as_staff("clerk")
    for answer in (clerk.get(page_of(held)), clerk.post(page_of(held), WHY | {"quoted": "1200"})):
        text = words(answer)
        assert "不能退" in text
        assert "票价方案〔2026〕2号" in text
        assert b'name="quoted"' not in answer.content
    assert Pass.objects.get(pk=held.pk).state == Pass.State.ACTIVE


def test_the_card_leads_to_its_passes_and_a_pass_tells_its_rides(
    sell: Callable[..., Pass], as_staff: SignIn, money: Money
) -> None:
    held = sell()
    ride(held, "T1:1")
    finance = as_staff("finance")
    card = finance.get(f"/office/accounts/card/{money.card.pk}/change/").content.decode()
    assert page_of(held, "change") in card
    text = words(finance.get(page_of(held, "change")))
    assert "公交 2202.bus 2.00 1.20" in text
    assert page_of(held)[:-1] not in finance.get(page_of(held, "change")).content.decode()
