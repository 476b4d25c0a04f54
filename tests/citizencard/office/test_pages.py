"""What the office shows: whole stories, masks, audited steps, and settlement as a file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import openpyxl
import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Card
from citizencard.core.models import AuditEntry
from citizencard.office.site import office
from settlement.models import ClearingRun
from terminals.models import HotListEntry
from tests.citizencard.city import City

SignIn = Callable[[str], Client]


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_detail_page_opens_for_the_superuser(city: City, as_staff: SignIn) -> None:
    client = as_staff("root")
    for model in office._registry:
        meta = model._meta
        for thing in model._default_manager.all()[:3]:
            if getattr(thing, "citizen_id", None) and meta.model_name == "user":
                continue
            page(client, f"/office/{meta.app_label}/{meta.model_name}/{thing.pk}/change/")


def test_a_card_is_found_by_its_number_and_tells_its_story(city: City, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    assert str(city.card.pk) in page(clerk, f"/office/accounts/card/?q={city.card.pan}")
    text = page(clerk, f"/office/accounts/card/{city.card.pk}/change/")
    for word in ("正常", "29.80", "西湖公园", "−45.90", "柜台现金", "已发卡"):
        assert word in text


def test_the_neighbours_story_has_loss_and_held_purchase(city: City, as_staff: SignIn) -> None:
    text = page(as_staff("clerk"), f"/office/accounts/card/{city.neighbours_card.pk}/change/")
    assert "已挂失" in text
    assert "挂账：卡片已挂失" in text
    assert "遗失" in text


def test_citizens_are_masked_until_revealed_with_a_reason(city: City, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    path = f"/office/accounts/citizen/{city.citizen.pk}/"
    assert city.document not in page(clerk, path + "change/") + page(clerk, "/office/accounts/citizen/")
    refused = clerk.post(path + "reveal/", {"reason": "  "}).content.decode()
    assert city.document not in refused
    assert not AuditEntry.objects.filter(action="pii.reveal").exists()
    answer = clerk.post(path + "reveal/", {"reason": "本人到柜台更改手机号"})
    assert city.document in answer.content.decode()
    assert "林美玲" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    entry = AuditEntry.objects.get(action="pii.reveal")
    assert (entry.actor, entry.ip) == ("clerk", "127.0.0.1")
    assert entry.detail == {
        "columns": ["name", "document", "phone", "birth"],
        "reason": "本人到柜台更改手机号",
    }


def test_looking_at_the_reveal_page_alone_reveals_nothing(city: City, as_staff: SignIn) -> None:
    text = page(as_staff("clerk"), f"/office/accounts/citizen/{city.citizen.pk}/reveal/")
    assert city.document not in text
    assert not AuditEntry.objects.filter(action="pii.reveal").exists()


def test_a_clerk_reports_a_card_lost(city: City, as_staff: SignIn) -> None:
    answer = as_staff("clerk").post(
        f"/office/accounts/card/{city.card.pk}/report_lost/",
        {"reason": "电话挂失", "kind": "formal", "channel": "phone"},
    )
    assert answer.status_code == 200
    assert Card.objects.get(pk=city.card.pk).state == Card.State.LOST
    assert HotListEntry.objects.get(pan=city.card.pan).reason == "电话挂失"


def test_what_a_service_refuses_is_told_on_the_page(city: City, as_staff: SignIn) -> None:
    card = Card.objects.get(pk=city.neighbours_card.pk)
    HotListEntry.objects.filter(pan=card.pan).update(removed_at=timezone.now())
    answer = as_staff("clerk").post(
        f"/office/accounts/card/{card.pk}/report_lost/",
        {"reason": "again", "kind": "formal", "channel": "counter"},
    )
    assert "卡片不能由" in answer.content.decode()


def test_the_settlement_report_is_on_the_run(city: City, as_staff: SignIn) -> None:
    text = page(as_staff("finance"), f"/office/settlement/clearingrun/{city.cleared}/change/")
    for word in ("110.20", "0.71", "109.49", "新华都购物广场", "交易验证码错误", "重复上传"):
        assert word in text


def test_the_workbook_has_the_runs_figures(city: City, as_staff: SignIn) -> None:
    answer = as_staff("finance").get(f"/office/settlement/clearingrun/{city.cleared}/download_xlsx/")
    assert f'filename="day-{city.cleared}.xlsx"' in answer["Content-Disposition"]
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    cells = {cell for sheet in book for row in sheet.values for cell in row}
    assert {"泉州公交集团", "新华都购物广场", 45.9} <= cells
    entry = AuditEntry.objects.get(action="settlement.download")
    assert (entry.actor, entry.subject) == ("finance", f"report:day:{city.cleared}")


def test_csv_and_run_agree(city: City, as_staff: SignIn) -> None:
    answer = as_staff("finance").get(f"/office/settlement/clearingrun/{city.cleared}/download_csv/")
    lines = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    total = next(line for line in lines if line and line[0] == "合计")
    run = ClearingRun.objects.get(pk=city.cleared)
    assert f"{run.gross_fen / 100:.2f}" in total
    assert f"{run.net_fen / 100:.2f}" in total


@pytest.mark.parametrize("day", ["2020-01-01", "nonsense"])
def test_there_is_nothing_to_download_for_other_days(city: City, as_staff: SignIn, day: str) -> None:
    assert as_staff("finance").get(f"/office/settlement/clearingrun/{day}/download_csv/").status_code == 404


def test_the_overview_shows_each_role_its_own(city: City, as_staff: SignIn) -> None:
    finance, clerk = page(as_staff("finance"), "/office/"), page(as_staff("clerk"), "/office/")
    assert str(city.open_day) in finance
    assert "借贷平衡" in finance
    assert "借贷平衡" not in clerk
    assert "正常卡片" in clerk


def test_an_empty_city_has_an_overview_too(db: None, as_staff: SignIn) -> None:
    from tests.citizencard.city import make_staff

    make_staff()
    assert "没有开放的业务日" in page(as_staff("root"), "/office/")


def test_the_policy_lets_no_inline_script_run(city: City, as_staff: SignIn) -> None:
    client = as_staff("root")
    for path in ("/office/", "/office/accounts/card/", f"/office/accounts/card/{city.card.pk}/change/"):
        answer = client.get(path)
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self' 'unsafe-eval';" in policy + ";"
        assert not re.search(
            r"<script(?![^>]*\ssrc=)[^>]*>\s*\S|\son(click|change|load)=", answer.content.decode()
        )
    assert "script-src" in Client().get("/office/login/")["Content-Security-Policy"]


def test_text_from_outside_is_shown_as_text(city: City, as_staff: SignIn) -> None:
    merchant = city.fields["PARK"].terminal.merchant
    merchant.name = "<img src=x onerror=alert(1)>"
    merchant.save()
    text = page(as_staff("root"), f"/office/accounts/card/{city.card.pk}/change/")
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
