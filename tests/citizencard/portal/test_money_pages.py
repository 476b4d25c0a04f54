"""The other pages about money: account statement, automatic top-up, passes, refunds, notices."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Card, Mandate, Pass, Purse, Refund
from accounts.services.holds import reserve
from accounts.services.ledger import open_account
from accounts.services.payments import account_purse
from citizencard.portal.movements import PAGE_LINES
from tests.citizencard.portal.household import Resident
from tests.citizencard.portal.test_pages import STRICT
from tests.citizencard.sandbox.wsgi import Sandbox
from tests.factories import CLERK, make_card, make_product

SIGNED_IN = re.compile('FROM "accounts_(user|citizen)"|django_session|SAVEPOINT')
"""What every page of a signed-in citizen asks, whatever it shows."""
# A line of a statement knows whether its date is proved.
QUERIES_MAX = {"/": 10, "/cards/{}/refund/": 15, "/cards/{}/online/": 10, "/cards/{}/online.csv": 10}
CARD_PAGES = ("", "online/", "online.csv", "top-up/", "automatic/", "passes/", "refund/")
MANDATE = {
    "purse_kind": "account",
    "amount_fen": "50",
    "threshold_fen": "30",
    "day_cap_fen": "100",
    "month_cap_fen": "300",
}


def post(who: Resident, path: str, **form: str) -> Any:
    return who.client.post(path.format(who.card.pk), form)


def buy(who: Resident, code: str = "bus-fifty", **more: str) -> Any:
    today = f"{timezone.localdate():%F}"
    form = {"code": code, "starts_on": today, "request_key": "a-pass-for-the-bus"} | more
    return post(who, "/cards/{}/passes/", **form)


class TestAccountStatement:
    def test_pages_join_into_one_running_balance(self, lin: Resident) -> None:
        for number in range(PAGE_LINES * 2 + 5):
            lin.give_money(100 + number)
        lines, address = [], "/cards/{}/online/"
        for _ in range(3):
            text = lin.client.get(address.format(lin.card.pk))
            lines += text.context["page"].lines
            address = f"/cards/{{}}/online/?before={text.context['page'].older}"
        assert len(lines) == PAGE_LINES * 2 + 5
        running = 0
        for line in reversed(lines):
            running += line.amount_fen
            assert line.balance_fen == running
        assert running == lin.balance_fen()
        assert "before" not in lin.client.get(address.format(lin.card.pk)).context["page"].older

    @pytest.mark.parametrize(
        "before", ["x", "2026-03-02", "2026-13-01.5", "2026-03-02.-1", f"2026-03-02.{2**63}", "9999-12-31.1"]
    )
    def test_nonsense_shows_the_newest(self, lin: Resident, before: str) -> None:
        lin.give_money(5_000)
        text = lin.page(f"/cards/{{}}/online/?before={before}")
        assert "+50.00" in text

    def test_payments_name_the_payee_and_the_file_has_them_all(self, lin: Resident) -> None:
        lin.give_money(10_000)
        buy(lin)
        head, *rows = csv.reader(
            io.StringIO(lin.client.get(f"/cards/{lin.card.pk}/online.csv").content.decode("utf-8-sig"))
        )
        assert head[2] == "金额（元）"
        assert [row[1:4] for row in rows] == [["月票次卡", "-90.00", "10.00"], ["充值", "100.00", "100.00"]]


class TestAutomaticTopUp:
    def test_agreed_at_the_bank_and_stopped_at_once(self, lin: Resident, gateway: Sandbox) -> None:
        post(lin, "/cards/{}/automatic/", **MANDATE)
        mandate = Mandate.objects.get()
        assert f"/mandate/{mandate.setup_id}" in lin.page("/cards/{}/automatic/")
        gateway.page(f"/mandate/{mandate.setup_id}", do="agree", method="pm_card_unionpay")
        post(lin, f"/mandates/{mandate.pk}/confirm/")
        assert "低于¥30.00时充值¥50.00" in lin.page("/")
        assert "已开通自动充值" in lin.page("/notices/")
        post(lin, f"/mandates/{mandate.pk}/stop/")
        mandate.refresh_from_db()
        assert mandate.state == Mandate.State.STOPPED
        assert "未开通" in lin.page("/")

    def test_not_agreed_yet_is_said(self, lin: Resident, gateway: Sandbox) -> None:
        post(lin, "/cards/{}/automatic/", **MANDATE)
        post(lin, f"/mandates/{Mandate.objects.get().pk}/confirm/")
        assert "银行尚未确认" in lin.page("/cards/{}/automatic/")
        assert Mandate.objects.get().state == Mandate.State.REQUESTED

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"day_cap_fen": "49"}, "day_cap_fen"),
            ({"month_cap_fen": "99"}, "day_cap_fen"),
            ({"amount_fen": "0"}, "amount_fen"),
            ({"threshold_fen": "-1"}, "threshold_fen"),
            ({"threshold_fen": "4999", "amount_fen": "100"}, "amount_fen"),
        ],
    )
    def test_sums_that_make_no_sense(
        self, lin: Resident, gateway: Sandbox, change: dict[str, str], field: str
    ) -> None:
        text = post(lin, "/cards/{}/automatic/", **MANDATE | change).content.decode()
        assert f'id="id_{field}_error"' in text
        assert not Mandate.objects.exists()

    def test_somebody_elses_mandate_does_not_exist(
        self, lin: Resident, chen: Resident, gateway: Sandbox
    ) -> None:
        post(lin, "/cards/{}/automatic/", **MANDATE)
        for step in ("stop", "confirm"):
            assert post(chen, f"/mandates/{Mandate.objects.get().pk}/{step}/").status_code == 404
        assert Mandate.objects.get().state == Mandate.State.REQUESTED


class TestPasses:
    def test_bought_once_from_the_online_account(self, lin: Resident) -> None:
        lin.give_money(20_000)
        for _ in range(2):
            assert buy(lin).status_code == 302
        assert Pass.objects.get().price_fen == 20_000 - lin.balance_fen()
        assert "剩余50次" in lin.page("/")
        assert "公交五十次卡" in lin.page("/cards/{}/passes/")

    def test_not_without_money_not_twice_not_in_the_past(self, lin: Resident) -> None:
        assert "余额不足" in buy(lin).content.decode()
        lin.give_money(20_000)
        yesterday = f"{timezone.localdate() - timedelta(days=1):%F}"
        assert buy(lin, starts_on=yesterday).status_code == 422
        buy(lin)
        answer = buy(lin, request_key="another-for-the-bus")
        assert answer.status_code == 409
        assert "bus-fifty_starts_on_error" in answer.content.decode()
        assert lin.balance_fen() == 11_000

    def test_concessions_are_for_the_counter(self, lin: Resident) -> None:
        lin.give_money(20_000)
        assert "请到服务网点办理" in lin.page("/cards/{}/passes/")
        assert buy(lin, "student").status_code == 422
        assert buy(lin, "no-such-pass").status_code == 422
        assert not Pass.objects.exists()


class TestRefund:
    def test_quoted_asked_for_and_thought_better_of(self, lin: Resident) -> None:
        lin.give_money(5_000)
        text = lin.page("/cards/{}/refund/")
        assert "以账本余额为准" in text
        assert "¥50.00" in text
        post(lin, "/cards/{}/refund/", reason="搬家")
        refund = Refund.objects.get()
        assert refund.state == Refund.State.COOLING
        assert refund.number in lin.page("/cards/{}/refund/")
        assert refund.number in lin.page("/")
        post(lin, "/cards/{}/refund/", reason="搬家")
        post(lin, "/cards/{}/refund/withdraw/")
        assert Card.objects.get(pk=lin.card.pk).state == Card.State.ACTIVE
        assert Refund.objects.get().state == Refund.State.WITHDRAWN
        assert "应退金额" in lin.page("/cards/{}/refund/")

    def test_what_stands_against_it_is_shown_and_holds(self, lin: Resident) -> None:
        plain = make_product(real_name=True, code="plain")
        card = make_card(product=plain, citizen=lin.citizen)
        path = f"/cards/{card.pk}/refund/"
        assert "退卡</button>" in lin.page("/cards/{}/refund/")
        assert "退卡</button>" not in lin.page(path)
        assert post(lin, path, reason="").status_code == 409
        assert not Refund.objects.exists()

    def test_nothing_to_withdraw(self, lin: Resident) -> None:
        assert post(lin, "/cards/{}/refund/withdraw/").status_code == 404

    def test_somebody_else_withdraws_nothing(self, lin: Resident, chen: Resident) -> None:
        post(lin, "/cards/{}/refund/", reason="")
        assert chen.client.post(f"/cards/{lin.card.pk}/refund/withdraw/").status_code == 404
        assert Refund.objects.get().state == Refund.State.COOLING


def test_what_is_reserved_is_shown(lin: Resident) -> None:
    lin.give_money(10_000)
    reserve(
        purse=account_purse(lin.card),
        payee=open_account(chart="2202", owner="parking").pk,
        amount_fen=3_000,
        key="parking",
        channel="parking",
        expires_at=timezone.now() + timedelta(hours=1),
        reason="停车",
        actor=CLERK,
        occurred_at=timezone.now(),
    )
    assert "其中¥30.00已预授权，可用¥70.00" in lin.page("/")


@pytest.mark.parametrize("page", CARD_PAGES)
def test_somebody_elses_card_has_no_pages(lin: Resident, chen: Resident, page: str) -> None:
    path = f"/cards/{lin.card.pk}/{page}"
    assert lin.client.get(path).status_code == 200
    for answer in (chen.client.get(path), chen.client.post(path, {"reason": "mine now"})):
        assert answer.status_code in (404, 405)
        assert lin.card.pan not in answer.content.decode()
    assert Card.objects.get(pk=lin.card.pk).state == Card.State.ACTIVE


@pytest.mark.parametrize(
    "page", ["/", "/family/", "/notices/", *(f"/cards/{{}}/{page}" for page in CARD_PAGES[1:])]
)
def test_pages_are_strict_few_queries_and_tell_no_number_in_addresses(
    lin: Resident, gateway: Sandbox, page: str
) -> None:
    lin.give_money(20_000)
    lin.give_money(1_000, Purse.Kind.CHIP)
    buy(lin)
    post(lin, "/cards/{}/automatic/", **MANDATE)
    with CaptureQueriesContext(connection) as queries:
        answer = lin.client.get(page.format(lin.card.pk))
    own = [each["sql"] for each in queries if not SIGNED_IN.search(each["sql"])]
    assert len(own) <= QUERIES_MAX.get(page, 8), "\n".join(own)
    assert set(answer["Content-Security-Policy"].split("; ")) == STRICT
    text = answer.content.decode()
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", text)
    assert lin.card.pan not in "".join(re.findall(r'(?:href|action)="([^"]*)"', text))
