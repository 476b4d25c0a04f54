"""The fleet in the office: what is wrong stands at a glance, and each step asks, does one thing, and is audited."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from citizencard.core.models import AuditEntry
from settlement.services.proposals import found_contract
from terminals.models import EnrolmentCode, Terminal, TerminalEvent
from terminals.services.field import register_merchant, register_terminal
from terminals.services.fleet import Told, publish_fleet_policy, take_heartbeat
from terminals.services.places import save_line, save_place
from tests.citizencard.city import City
from tests.factories import CLERK

SignIn = Callable[[str], Client]
LIST = "/office/terminals/terminal/"


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def told(client: Client, terminal: Terminal, step: str, reason: str = "试验") -> str:
    answer = client.post(f"{LIST}{terminal.pk}/{step}/", {"reason": reason})
    assert answer.status_code == 200
    return answer.content.decode()


def listed(text: str) -> set[str]:
    """The codes in the list of a page."""
    return set(re.findall(r'/change/[^"]*"[^>]*>\s*([\w-]+)\s*</a>', text.split('id="result_list"')[-1]))


@pytest.fixture
def bus(city: City) -> Terminal:
    """The city's bus terminal, silent for two days; the others have no policy."""
    publish_fleet_policy(
        kind="validator",
        valid_from=date(2026, 1, 1),
        silent_hours=24,
        zero_trade_days=3,
        list_minutes=30,
        legal_basis="试验",
        actor=CLERK,
    )
    terminal = city.fields["BUS"].terminal
    Terminal.objects.filter(pk=terminal.pk).update(seen_at=timezone.now() - timedelta(days=2))
    return terminal


def test_the_fleet_at_a_glance(bus: Terminal, as_staff: SignIn) -> None:
    text = page(as_staff("clerk"), LIST)
    for words in ("运行中", "失联", "无交易", "黑名单过旧", "待传记录"):
        assert words in text
    assert len(listed(text)) == 7
    assert listed(page(as_staff("clerk"), f"{LIST}?wrong=silent")) == {bus.code}
    assert listed(page(as_staff("clerk"), f"{LIST}?wrong=zero_trade")) == set()
    assert len(listed(page(as_staff("clerk"), f"{LIST}?wrong=nonsense"))) == 7


def test_terminals_are_found_by_line_merchant_and_vehicle(bus: Terminal, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    line = save_line(code="K1", name="K1路", merchant=bus.merchant)
    site = save_place(code="C01234", name="闽C01234", kind="vehicle", merchant=bus.merchant, line=line)
    Terminal.objects.filter(pk=bus.pk).update(site=site)
    for query in (f"line={line.pk}", "q=C01234", f"merchant__id__exact={bus.merchant_id}"):
        assert listed(page(clerk, f"{LIST}?{query}")) == {bus.code}
    assert len(listed(page(clerk, f"{LIST}?line=x"))) == 7


def test_a_page_costs_the_same_queries_for_any_fleet(bus: Terminal, as_staff: SignIn) -> None:
    clerk, counts = as_staff("clerk"), []
    for number in (0, 30):
        for each in range(number):
            register_terminal(
                code=f"many-{each}",
                merchant=bus.merchant,
                place="",
                tariff_code="flat",
                terminal_no=f"AA{each:010X}",
                public_key=(1_000 + each).to_bytes(32),
            )
        with CaptureQueriesContext(connection) as asked:
            page(clerk, LIST)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_code_is_shown_once(bus: Terminal, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    assert "原因" in page(clerk, f"{LIST}{bus.pk}/enrol/")
    assert not EnrolmentCode.objects.exists()
    answer = clerk.post(f"{LIST}{bus.pk}/enrol/", {"reason": "更换设备"})
    found = re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}", answer.content.decode())
    assert found is not None
    assert "no-store" in answer["Cache-Control"]
    detail = page(clerk, f"{LIST}{bus.pk}/change/")
    assert found.group() not in detail
    assert "clerk" in detail
    entry = AuditEntry.objects.get(action="terminal.issue_code")
    assert (entry.actor, entry.detail) == ("clerk", {"reason": "更换设备"})


def test_a_terminal_is_suspended_resumed_revoked(bus: Terminal, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    for step, state in (("suspend", "停用"), ("resume", "运行中"), ("revoke", "已撤销")):
        assert state in told(clerk, bus, step)
    assert 'role="alert"' in told(clerk, bus, "retire")
    detail = page(clerk, f"{LIST}{bus.pk}/change/")
    assert "已撤销" in detail
    for step in ("enrol", "suspend", "resume", "revoke", "retire"):
        assert f"{LIST}{bus.pk}/{step}" not in detail
    actions = AuditEntry.objects.filter(actor="clerk").order_by("pk").values_list("action", flat=True)
    assert list(actions)[-3:] == ["terminal.suspend", "terminal.resume", "terminal.revoke"]


def test_a_step_needs_a_reason(bus: Terminal, as_staff: SignIn) -> None:
    told(as_staff("clerk"), bus, "revoke", " ")
    assert Terminal.objects.get(pk=bus.pk).state == Terminal.State.ACTIVE


@pytest.mark.parametrize("role", ["clerk", "finance", "auditor", "root"])
def test_steps_are_for_those_who_may(bus: Terminal, as_staff: SignIn, role: str) -> None:
    client, may = as_staff(role), role == "clerk"
    for step in ("enrol", "suspend", "resume", "revoke", "retire"):
        assert client.get(f"{LIST}{bus.pk}/{step}/").status_code == (200 if may else 403)
        assert client.post(f"{LIST}{bus.pk}/{step}/", {}).status_code == (200 if may else 403)
    assert (f"{LIST}{bus.pk}/revoke" in page(client, f"{LIST}{bus.pk}/change/")) is may
    assert page(client, LIST)


def test_the_page_of_a_terminal_tells_its_history(bus: Terminal, as_staff: SignIn) -> None:
    now = timezone.now()
    take_heartbeat(
        terminal=bus,
        clock=now - timedelta(seconds=75),
        told=Told(
            firmware="2.4.1",
            sam_key_version=1,
            parameter_version="p7",
            tariff_version="flat",
            hot_list_version=1,
            free_bytes=512_000_000,
            waiting_records=1_234,
        ),
    )
    TerminalEvent.objects.create(
        terminal=bus, number=1, kind="tamper", occurred_at=now, times=1, detail="外壳打开"
    )
    text = page(as_staff("clerk"), f"{LIST}{bus.pk}/change/")
    for words in ("失联阈值", "试验", "2.4.1", "−75.", "512 MB", "拆机", "外壳打开", "人员安装", "BUS-1"):
        assert words in text
    assert str(bus.keys.get())[:16] in text


def test_a_merchant_shows_its_contracts(city: City, as_staff: SignIn) -> None:
    merchant = register_merchant(code="SHOP", name="新华都购物广场", channel="shop")
    found_contract(merchant=merchant, rate_basis_points=80, valid_from=date(2026, 1, 1))
    assert "0-SHOP" in page(as_staff("finance"), f"/office/terminals/merchant/{merchant.pk}/change/")
