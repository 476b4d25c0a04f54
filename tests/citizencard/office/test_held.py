"""What waits to be decided in the office: seen by all, proposed by one, approved by another; and the command beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Card
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import BusinessDay
from terminals.models import HeldProposal, HeldResolution, Merchant, Tap, WaitingPurchase
from tests.citizencard.city import make_staff
from tests.factories import fill_purse, make_card
from tests.terminals.field import Field
from tests.terminals.held.held_city import balance, held, publish_terms, purse_fen, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]
SignIn = Callable[[str], Client]
LIST = "admin:terminals_waitingpurchase_changelist"


def step(name: str, waiting: WaitingPurchase) -> str:
    return reverse(f"admin:terminals_waitingpurchase_{name}", args=[waiting.pk])


@pytest.fixture
def dear(open_day: BusinessDay, demo_keys: KeyStore) -> Tap:
    """A purchase of three yuan where the tariff is two."""
    publish_terms()
    card = make_card()
    fill_purse(card, 1_000)
    return held(Field.install(demo_keys), card, Tap.Outcome.OVER_PRICE, 300)


@pytest.fixture
def finance(dear: Tap, as_staff: SignIn) -> Client:
    make_staff()
    return as_staff("finance")


def test_one_proposes_what_the_tariff_comes_to_and_another_approves(
    dear: Tap, finance: Client, as_staff: SignIn
) -> None:
    waiting, card = WaitingPurchase.objects.get(), Card.objects.get()
    page = finance.get(reverse(LIST)).content.decode()
    assert "超过票价" in page
    assert "****" + card.pan[-4:] in page
    assert card.pan not in page
    form = finance.get(step("propose", waiting)).content.decode()
    assert 'value="2.00"' in form
    done = finance.post(step("propose", waiting), {"paid": "2.00", "reason": "票价两元"})
    assert "商户 2.00，持卡人 1.00" in done.content.decode()
    assert (
        "另一人" in finance.post(step("approve", waiting)).content.decode()
        or HeldResolution.objects.count() == 0
    )
    second = as_staff("supervisor")
    assert "票价两元" in second.get(step("approve", waiting)).content.decode()
    page = second.post(step("approve", waiting)).content.decode()
    assert reverse(LIST) in page
    assert (HeldResolution.objects.get().paid_fen, purse_fen(card), balance("2202.BUS")) == (200, 800, 200)
    assert second.get(step("approve", waiting)).status_code == 404


def test_a_rejected_proposal_is_told_and_the_purchase_waits_on(
    dear: Tap, finance: Client, as_staff: SignIn
) -> None:
    waiting = WaitingPurchase.objects.get()
    assert "之间" in finance.post(step("propose", waiting), {"paid": "4", "reason": "x"}).content.decode()
    finance.post(step("propose", waiting), {"paid": "0", "reason": "机具故障"})
    as_staff("supervisor").post(step("reject", waiting), {"reason": "票价本应两元"})
    proposal = HeldProposal.objects.get()
    assert (proposal.state, proposal.checker) == ("rejected", "supervisor")
    page = finance.get(reverse("admin:terminals_waitingpurchase_change", args=[waiting.pk])).content.decode()
    assert "票价本应两元" in page


def test_who_may_do_what(dear: Tap, finance: Client, as_staff: SignIn) -> None:
    waiting = WaitingPurchase.objects.get()
    for role, status in (("clerk", 403), ("auditor", 403), ("finance", 200), ("supervisor", 200)):
        client = as_staff(role)
        assert client.get(reverse(LIST)).status_code == 200
        for name in ("propose", "write_off"):
            assert client.get(step(name, waiting)).status_code == status
        assert client.get(step("approve", waiting)).status_code == (404 if status == 200 else 403)


def test_the_list_is_filtered_and_the_first_page_counts_it(
    dear: Tap, finance: Client, demo_keys: KeyStore
) -> None:
    field, card = Field.install(demo_keys, merchant=Merchant.objects.get()), make_card()
    late = upload(field, field.tap(card, 1), now=timezone.now())[0]

    def listed(query: str) -> set[int]:
        page = finance.get(reverse(LIST) + query).content.decode()
        return {tap.id for tap in (dear, late) if f"waitingpurchase/purchase-{tap.id}/" in page}

    assert listed("") == {dear.id, late.id}
    assert listed("?cause__exact=late") == {late.id}
    assert listed("?owner__exact=finance") == {dear.id, late.id}
    assert listed("?days=30") == listed("?cause__exact=over_price") == {dear.id}
    assert listed(f"?q={card.pan}") == {late.id}
    assert "待处理交易" in finance.get(reverse("admin:index")).content.decode()


def test_the_command_lists_and_settles(dear: Tap) -> None:
    out = StringIO()
    call_command("held", json=True, stdout=out)
    (waiting,) = json.loads(out.getvalue())["waiting"]
    assert (waiting["cause"], waiting["owner"], waiting["amount_fen"]) == ("over_price", "finance", 300)
    assert (waiting["bucket"], waiting["proposed"]) == (30, None)
    out = StringIO()
    call_command("held", stdout=out)
    assert waiting["key"] in out.getvalue()
    call_command("held", settle=True, stdout=StringIO())
    assert HeldResolution.objects.get().rule == "not_decided"
    assert (balance("2241"), WaitingPurchase.objects.count()) == (0, 0)
