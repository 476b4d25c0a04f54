"""Stored value in the office: what its pages show, and on what its lists and numbers rest."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Card, Journal, TopUpDifference
from accounts.selectors.agents import agents_near_limit, agents_with_debt
from accounts.selectors.balances import account_balance_fen
from accounts.services import agents, payments, topup
from accounts.services.ledger import reverse_journal
from accounts.services.matching import close_difference
from accounts.services.remittances import receive_agent_payment
from citizencard.core.calendar import open_business_day
from citizencard.office.site import office
from settlement.services.clearing import clear_day
from tests.citizencard.office.money import Money, make_batch, make_difference, make_due
from tests.factories import NOON, make_order
from tests.fixtures_accounts import TODAY

SignIn = Callable[[str], Client]


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def words(html: str) -> str:
    """What is read on a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_every_page_with_money_on_it_opens(money: Money, as_staff: SignIn) -> None:
    client = as_staff("root")
    for model in office._registry:
        meta = model._meta
        page(client, f"/office/{meta.app_label}/{meta.model_name}/")
        for thing in model._default_manager.all()[:3]:
            page(client, f"/office/{meta.app_label}/{meta.model_name}/{thing.pk}/change/")


def test_a_cards_page_tells_what_it_holds_and_does_online(money: Money, as_staff: SignIn) -> None:
    text = words(page(as_staff("clerk"), f"/office/accounts/card/{money.card.pk}/change/"))
    for shown in (
        "卡内 100.00 0.00 100.00 95.00 0.00 5,000.00",
        "联机账户 190.00 30.00 160.00 0.00 0.00 1,000.00",
        "bike 30.00 0.00 已预留",
        "中山路便利店 中山路 12 号 商店 12.50 2.50",
        "P-1 十次卡 有效",
        "中国银行 4321 50.00 10.00 100.00 150.00",
        "**玲 **雨",
    ):
        assert shown in text, shown


def test_a_plain_cards_page_has_no_empty_tables_of_what_it_cannot_do(money: Money, as_staff: SignIn) -> None:
    text = page(as_staff("clerk"), f"/office/accounts/card/{money.flag.card_id}/change/")
    for title in ("预授权", "联机支付", "月票次卡", "家庭"):
        assert f"<h2>{title}</h2>" not in text
    assert "<h2>风险标记</h2>" in text


def test_buttons_are_there_where_they_make_sense(money: Money, as_staff: SignIn) -> None:
    """And for whom: the superuser only looks."""
    staff = {role: as_staff(role) for role in ("clerk", "finance", "root")}
    refund = f"/office/accounts/refund/{money.due.pk}/"
    steps = ("approve", "refuse", "withdraw", "payee", "pay_cash", "confirm_bank", "return_bank")

    def offered() -> dict[str, set[str]]:
        pages = {role: page(client, refund + "change/") for role, client in staff.items()}
        return {role: {step for step in steps if refund + step in text} for role, text in pages.items()}

    assert offered() == {"clerk": {"withdraw", "payee"}, "finance": {"approve", "refuse"}, "root": set()}
    staff["finance"].post(refund + "approve/", {"interest": ""})
    assert offered() == {"clerk": {"payee"}, "finance": {"pay_cash"}, "root": set()}
    closed = f"/office/accounts/card/{money.due.card_id}/"
    assert not any(
        closed + step in page(staff["clerk"], closed + "change/") for step in ("refund", "report_lost")
    )


def test_the_limits_of_a_date(money: Money, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    path = "/office/accounts/limitpolicy/"
    spring, autumn = page(clerk, path + "?day=2026-03-02"), page(clerk, path + "?day=2026-09-01")
    assert "3,000.00" in spring
    assert "5,000.00" not in spring
    assert "5,000.00" in autumn
    assert "3,000.00" not in autumn
    assert "非银行支付机构监督管理条例" in autumn
    both = page(clerk, path)
    assert "3,000.00" in both
    assert "5,000.00" in both
    assert "3,000.00" in page(clerk, path + "?day=nonsense")


def test_agents_show_what_they_owe_and_may_still_take(money: Money, as_staff: SignIn) -> None:
    text = words(page(as_staff("finance"), "/office/accounts/agent/"))
    assert "街角便利店 corner 100.00 85.00 15.00" in text


def test_an_agents_debt_is_what_the_ledger_says_before_and_after_a_day_is_sealed(money: Money) -> None:
    def shown() -> int:
        (agent,) = agents_with_debt()
        assert agent.owed_fen == account_balance_fen(agent.account_id)
        return agent.owed_fen

    assert shown() == 8_500
    clear_day(day=TODAY)
    assert shown() == 8_500
    open_business_day(TODAY.replace(day=3))
    receive_agent_payment(
        agent=money.agent, amount_fen=2_000, key="bank-2", actor="finance", occurred_at=NOON
    )
    assert shown() == 6_500


def test_agents_near_their_credit_are_named_and_others_not(money: Money) -> None:
    assert [agent.code for agent in agents_near_limit()] == ["corner"]
    agents.save_agent(code="corner", name="街角便利店", credit_limit_fen=20_000, actor="root")
    assert list(agents_near_limit()) == []
    agents.save_agent(code="corner", name="街角便利店", credit_limit_fen=0, actor="root", active=False)
    assert list(agents_near_limit()) == []


def test_open_differences_come_first_and_the_oldest_of_them(money: Money, as_staff: SignIn) -> None:
    closed = make_difference(money.gateway_order)
    close_difference(difference=closed, actor="finance", note="已退")
    newer = make_difference(money.gateway_order)
    TopUpDifference.objects.filter(pk=newer.pk).update(first_seen=timezone.localdate())
    text = page(as_staff("clerk"), "/office/accounts/topupdifference/")
    places = [text.index(each.subject) for each in (money.difference, newer, closed)]
    assert places == sorted(places)
    assert closed.subject not in page(as_staff("clerk"), "/office/accounts/topupdifference/?open=1")


def test_the_overview_names_what_waits_for_each_role(money: Money, as_staff: SignIn) -> None:
    finance = words(page(as_staff("finance"), "/office/"))
    for tile in (
        "待审批退款 1 1 笔已逾承诺期限",
        "待银行付款的退款 0",
        "未结充值差异 1 最长 3 天",
        "待复核补贴批次 1",
        "代理网点额度预警 1 街角便利店",
        "风险卡片 1",
    ):
        assert tile in finance, tile
    clerk = words(page(as_staff("clerk"), "/office/"))
    assert "待审批退款 1" in clerk
    assert "补贴" not in clerk
    assert "代理网点额度预警" not in clerk


def test_the_work_lists_of_refunds_hold_what_their_tiles_count(money: Money, as_staff: SignIn) -> None:
    finance = as_staff("finance")
    for waits, holds in (("approval", True), ("late", True), ("bank", False), ("nonsense", True)):
        assert (money.due.number in page(finance, f"/office/accounts/refund/?waits={waits}")) is holds


def test_an_order_shows_what_differs_to_all_and_what_the_gateway_told_to_finance(
    money: Money, as_staff: SignIn
) -> None:
    path = f"/office/accounts/topuporder/{money.gateway_order.pk}/change/"
    finance, clerk = page(as_staff("finance"), path), page(as_staff("clerk"), path)
    for text in (finance, clerk):
        assert "网关已付，未入账" in text
    assert "evt_1" in finance
    assert "refund-1" in finance
    assert "evt_1" not in clerk


def test_a_journal_and_its_reversal_lead_to_each_other(money: Money, as_staff: SignIn) -> None:
    journal = Journal.objects.filter(kind="funds_received").first() or Journal.objects.get(
        key=f"card-sale:{money.card.pan}"
    )
    back = reverse_journal(journal=journal, actor="finance", reason="记错")
    finance = as_staff("finance")
    for this, other in ((journal, back), (back, journal)):
        text = page(finance, f"/office/accounts/journal/{this.pk}/change/")
        assert f"/office/accounts/journal/{other.pk}/change/" in text
    assert "记错" in page(finance, f"/office/accounts/journal/{journal.pk}/change/")


def test_the_trial_balance_of_one_date(money: Money, as_staff: SignIn) -> None:
    finance, path = as_staff("finance"), "/office/trial-balance/"
    assert "代理点 95.00 10.00 85.00" in words(page(finance, path + f"?day={TODAY}"))
    other = words(page(finance, path + "?day=2026-02-01"))
    assert "2026-02-01" in other
    assert "85.00" not in other
    assert "85.00" in words(page(finance, path + "?day=nonsense"))


LISTS = (
    "card", "topuporder", "refund", "topupdifference", "subsidybatch", "agent", "gatewayrefund", "mandate",
    "remittance", "limitpolicy", "cardflag", "pass",
)  # fmt: skip


@pytest.fixture
def more(money: Money) -> Callable[[], None]:
    """Twice as much of everything that grows."""

    def grow() -> None:
        make_due(amount_fen=100)
        make_difference(money.gateway_order)
        make_batch(money.card, number="YL2026-04")
        agents.save_agent(code="other", name="站前报亭", credit_limit_fen=50_000, actor="root")
        order = make_order(card=money.card, channel="agent", party="other", amount_fen=100)
        topup.receive_funds(order=order, actor="other")
        payee = money.card.purses.get(kind="account").payments.get().payee_id
        payments.pay(
            purse=money.card.purses.get(kind="account"),
            payee=payee,
            amount_fen=10,
            key="pay-2",
            channel="shop",
            actor="shop",
            occurred_at=NOON,
        )

    return grow


def queries(client: Client, path: str) -> int:
    cache.clear()  # a summary tile is remembered for a minute
    with CaptureQueriesContext(connection) as seen:
        page(client, path)
    return len(seen)


@pytest.mark.slow
def test_no_page_asks_more_questions_when_there_is_more_to_show(
    money: Money, more: Callable[[], None], as_staff: SignIn
) -> None:
    root = as_staff("root")
    paths = [f"/office/accounts/{name}/" for name in LISTS]
    paths += ["/office/", f"/office/accounts/card/{money.card.pk}/change/"]
    paths += [f"/office/accounts/topuporder/{money.gateway_order.pk}/change/"]
    before = {path: queries(root, path) for path in paths}
    more()
    after = {path: queries(root, path) for path in paths}
    assert {path: after[path] for path in paths if after[path] > before[path]} == {}
    assert max(after.values()) <= 54  # six of them say on the trail where a superuser looked
    assert Card.objects.count() > 2
