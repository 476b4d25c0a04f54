"""What a citizen sees: their own cards, every use, and nothing of anybody else."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import Card
from citizencard.portal.movements import PAGE_LINES
from terminals.services.acceptance import accept_batch
from terminals.services.held import settle_hot_listed
from terminals.wire.batch import build_batch
from tests.citizencard.city import HELD_AFTER_LOSS_FEN, USES, City
from tests.factories import NOON
from tests.terminals.lists.mandate import promised

STRICT = {
    "default-src 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}
SPENT_FEN = sum(amount for _place, amount in USES)


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_home_shows_card_balance_and_latest_uses(city: City, as_citizen: Client) -> None:
    text = page(as_citizen, "/")
    assert "3104 3970" in text
    assert "后台余额" in text
    assert "29.80" in text  # 150.00 loaded, 110.20 and 10.00 spent
    assert "西湖公园" in text
    assert "已付款 ¥50.00" in text


def test_spending_per_channel_adds_up(city: City, as_citizen: Client) -> None:
    (view,) = as_citizen.get("/").context["cards"]
    assert view.spending.total_fen == SPENT_FEN + 1_000
    assert view.spending.total_fen == sum(bar.amount_fen for bar in view.spending.bars)
    assert view.spending.bars[0].channel == "shop"
    assert view.spending.bars[0].width == 100


def test_statement_has_every_movement_with_its_running_balance(city: City, as_citizen: Client) -> None:
    lines = list(reversed(as_citizen.get(f"/cards/{city.card.pk}/").context["page"].object_list))
    assert len(lines) == 1 + len(USES) + 1
    running = 0
    for line in lines:
        running += line.amount_fen
        assert line.balance_fen == running
    assert running == Card.objects.get(pk=city.card.pk).purse.balance_fen


def test_neither_duplicate_nor_forgery_is_on_the_statement(city: City, as_citizen: Client) -> None:
    text = page(as_citizen, f"/cards/{city.card.pk}/")
    assert "99.00" not in text
    assert text.count("泉州公交集团") == 2


def test_a_use_after_the_loss_is_shown_as_held(city: City, client: Client) -> None:
    client.force_login(city.neighbour.user)
    text = page(client, f"/cards/{city.neighbours_card.pk}/")
    assert "挂失后使用" in text
    assert f"−{HELD_AFTER_LOSS_FEN // 100}.00" in text
    assert "此卡已挂失" in page(client, "/")


def test_what_became_of_a_held_use_is_told(city: City, client: Client) -> None:
    promised(30)
    settle_hot_listed()
    client.force_login(city.neighbour.user)
    text = page(client, f"/cards/{city.neighbours_card.pk}/")
    assert "挂失后的消费，不向您收取" in text
    assert "退还：挂失后的消费" in text


@pytest.mark.parametrize("path", ["/cards/{}/", "/cards/{}/statement.csv"])
def test_somebody_elses_card_does_not_exist(city: City, as_citizen: Client, path: str) -> None:
    for card_id in (city.neighbours_card.pk, 999_999):
        answer = as_citizen.get(path.format(card_id))
        assert answer.status_code == 404
        assert city.neighbours_card.pan not in answer.content.decode()


@pytest.mark.parametrize("path", ["/", "/cards/1/", "/cards/1/statement.csv"])
def test_strangers_are_sent_to_the_door(client: Client, db: None, path: str) -> None:
    assert client.get(path)["Location"] == f"/login/?next={path}"


def test_an_entry_costs_nothing_and_says_so(city: City, as_citizen: Client) -> None:
    metro = city.fields["METRO"]
    entry = metro.tap(city.card, 50, 0, occurred_at=NOON + timedelta(days=3))
    accept_batch(terminal=metro.terminal, body=build_batch("entry", [entry]))
    assert "已记录进站，未扣款" in page(as_citizen, f"/cards/{city.card.pk}/")


def test_months_filter_and_unknown_ones_show_everything(city: City, as_citizen: Client) -> None:
    path = f"/cards/{city.card.pk}/?month="
    counts = {
        month: as_citizen.get(path + month).context["page"].paginator.count
        for month in ("2026-03", "2026-02", "nonsense")
    }
    assert counts == {"2026-03": 9, "2026-02": 9, "nonsense": 9}
    assert as_citizen.get(path + "2026-03").context["month"] is not None


def test_long_statements_come_in_pages(city: City, as_citizen: Client) -> None:
    park = city.fields["PARK"]
    uses = [
        park.tap(city.card, 100 + n, 1, occurred_at=NOON + timedelta(days=40, minutes=n)) for n in range(45)
    ]
    accept_batch(terminal=park.terminal, body=build_batch("many", uses))
    path = f"/cards/{city.card.pk}/"
    pages = [as_citizen.get(f"{path}?page={number}").context["page"] for number in (1, 2, 3)]
    lines = [line for each in pages for line in each.object_list]
    assert [len(each.object_list) for each in pages] == [PAGE_LINES, PAGE_LINES, 54 - 2 * PAGE_LINES]
    assert len({(line.occurred_at, line.amount_fen) for line in lines}) == 54
    assert as_citizen.get(f"{path}?month=2026-04").context["page"].paginator.count == 45
    assert as_citizen.get(f"{path}?page=junk").context["page"].number == 1


def test_csv_has_the_statement_in_plain_numbers(city: City, as_citizen: Client) -> None:
    answer = as_citizen.get(f"/cards/{city.card.pk}/statement.csv?month=2026-03")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="statement-2026-03.csv"' in answer["Content-Disposition"]
    text = answer.content.decode("utf-8-sig")
    head, *rows = list(csv.reader(io.StringIO(text)))
    assert head == ["时间", "地点", "金额（元）", "余额（元）", "结果"]
    assert rows[0] == ["2026-03-03 09:40:00", "西湖公园 · 丰泽街", "-10.00", "29.80", "扣款成功"]
    assert len(rows) == 9


def test_csv_never_starts_a_formula(city: City, as_citizen: Client) -> None:
    merchant = city.fields["PARK"].terminal.merchant
    merchant.name = "=HYPERLINK(1)"
    merchant.save()
    text = as_citizen.get(f"/cards/{city.card.pk}/statement.csv").content.decode("utf-8-sig")
    assert ",'=HYPERLINK(1)" in text


def test_every_page_is_strict_private_and_without_inline_code(city: City, as_citizen: Client) -> None:
    for path in ("/", f"/cards/{city.card.pk}/", "/nowhere/"):
        answer = as_citizen.get(path)
        text = answer.content.decode()
        assert set(answer["Content-Security-Policy"].split("; ")) == STRICT
        assert not re.search(
            r"<script|<style|\sstyle=|\son\w+=|https?://", text.replace("http://www.w3.org", "")
        )
    assert "no-store" in as_citizen.get("/")["Cache-Control"]


def test_staff_are_shown_to_their_own_house(city: City, client: Client) -> None:
    client.login(username="clerk", password="spring-tea-7301")
    assert client.get("/")["Location"] == "/office/"


def test_language_and_text_size_are_remembered(city: City, as_citizen: Client) -> None:
    answer = as_citizen.post("/preferences/", {"language": "zh-hant", "next": f"/cards/{city.card.pk}/"})
    assert answer["Location"] == f"/cards/{city.card.pk}/"
    as_citizen.post("/preferences/", {"text": "large", "next": "/"})
    text = page(as_citizen, "/")
    assert 'lang="zh-hant" data-text="large"' in text
    assert "後台餘額" in text
    as_citizen.post("/preferences/", {"text": "normal", "language": "en"})
    assert "Back-office balance" in page(as_citizen, "/")


def test_preferences_ignore_nonsense(db: None, client: Client) -> None:
    answer = client.post("/preferences/", {"language": "xx", "text": "huge", "next": "https://evil.example/"})
    assert answer["Location"] == "/"
    assert not answer.cookies
    assert client.get("/preferences/").status_code == 405
