"""Wrongly on the hot list: the holder is told, objects, another person decides, and it is made good once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, CardFlag, Compensation, Notice, Transfer
from accounts.selectors import invariants
from accounts.services.alerts import confirm_alert
from accounts.services.compensations import compensate, pay_compensation_in_cash
from accounts.services.incidents import flag_tampered
from citizencard.core.errors import CitizenCardError, Conflict, InvalidField
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry
from terminals.errors import IllegalAppealStep, NotAppealable, SelfDecision
from terminals.models import HotListAppeal, HotListEntry
from terminals.selectors.appeals import block_of, blocked_now
from terminals.services.acceptance import accept_batch
from terminals.services.appeals import file_appeal, grant_appeal, publish_appeal_policy, refuse_appeal
from terminals.services.held import settle_hot_listed
from terminals.services.hotlist import report_loss
from terminals.services.policies import publish_hot_list_policy
from terminals.services.refunds import hot_list_flagged
from terminals.wire.batch import build_batch
from tests.accounts.refunds.stories import fen, named_card, purse_fen
from tests.accounts.refunds.test_alerts import alert_about
from tests.factories import CLERK, NOON, make_citizen
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day", "demo_keys")]

SUPERVISOR, LISTER, DECIDER = "supervisor", "lister", "decider"


def publish(compensation_fen: int = 1_000, valid_from: date = date(2026, 1, 1)) -> None:
    publish_appeal_policy(
        valid_from=valid_from,
        decide_days=3,
        compensation_fen=compensation_fen,
        legal_basis="异议办法",
        actor="finance",
    )


def blocked_card(**product: Any) -> Card:
    """A citizen's card that two people have put on the list, on an alert of the night."""
    card = named_card(product=product)
    confirm_alert(alert=alert_about(card), actor=SUPERVISOR, reason="looks like a copy", occurred_at=NOON)
    hot_list_flagged(flag=CardFlag.objects.get(card=card), actor=LISTER, occurred_at=NOON)
    return card


def objection(card: Card, **changes: Any) -> HotListAppeal:
    assert card.citizen is not None
    values = {"citizen": card.citizen, "actor": "citizen", "occurred_at": NOON} | changes
    return file_appeal(card=card, **values)


def is_blocked(card: Card) -> bool:
    return Card.objects.filter(blocked_now(), pk=card.pk).exists()


def told(card: Card) -> list[str]:
    return list(Notice.objects.filter(citizen=card.citizen).order_by("pk").values_list("code", flat=True))


def test_the_whole_way_of_a_wrongly_listed_card() -> None:
    publish()
    card = blocked_card()
    block = block_of(card)
    assert block is not None
    assert (block.entry.listed_by, block.appeal, is_blocked(card)) == (LISTER, None, True)
    (ground,) = block.grounds
    assert "缺 12 笔" in ground.sentence
    assert "个人信息保护法第二十四条" in ground.legal_basis
    assert told(card) == ["hot_listed"]

    appeal = objection(card, statement="my card was in my pocket")
    assert (appeal.state, appeal.due_on) == ("open", NOON.date() + timedelta(days=3))
    assert objection(card) == appeal
    cost = fen("6711")
    granted = grant_appeal(appeal=appeal, actor=DECIDER, reason="a depot lost its uploads", occurred_at=NOON)
    assert (granted.state, granted.decided_by, granted.decided_at) == ("granted", DECIDER, NOON)
    assert HotListEntry.objects.get(pan=card.pan).removed_at == NOON
    assert not card.flags.filter(cleared_at=None).exists()
    note = Compensation.objects.get()
    assert (granted.compensation, note.state, note.amount_fen) == (note, "paid", 1_000)
    assert (fen("6711") - cost, fen("2033"), purse_fen(card, "account")) == (1_000, 0, 1_000)
    assert told(card) == ["hot_listed", "appeal_filed", "appeal_granted", "compensated"]
    assert not is_blocked(card)
    over = block_of(card)
    assert over is not None
    assert (over.appeal, over.grounds) == (granted, ())
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions >= {
        "appeal.file",
        "appeal.grant",
        "remove_from_hot_list",
        "card.clear_flag",
        "compensation.pay",
    }
    assert invariants.broken() == []


def test_what_was_held_meanwhile_is_paid_to_the_merchant(demo_keys: KeyStore) -> None:
    """While the card is blocked nobody decides over its purchases; once the listing was wrong, they are ordinary ones."""
    publish()
    publish_hot_list_policy(
        valid_from=date(2026, 1, 1), promise_minutes=30, grace_minutes=10, legal_basis="办法", actor="finance"
    )
    field = Field.install(demo_keys)
    card = blocked_card()
    record = field.tap(card, 0, 300, occurred_at=NOON + timedelta(hours=1))
    accept_batch(terminal=field.terminal, body=build_batch("H1", [record]))
    assert (fen("2241"), settle_hot_listed()) == (300, 0)
    later = NOON + timedelta(days=1)
    grant_appeal(appeal=objection(card), actor=DECIDER, reason="wrong", occurred_at=later)
    assert (settle_hot_listed(), fen("2241"), fen("2202.BUS")) == (1, 0, 300)
    assert settle_hot_listed() == 0


def test_a_refused_objection_leaves_the_card_where_it_is() -> None:
    publish()
    card = blocked_card()
    refused = refuse_appeal(
        appeal=objection(card), actor=DECIDER, reason="the copy was seen", occurred_at=NOON
    )
    assert (refused.state, refused.compensation) == ("refused", None)
    assert (is_blocked(card), told(card)[-1]) == (True, "appeal_refused")
    assert objection(card) == refused


def test_nobody_decides_over_his_own_listing_or_without_a_reason() -> None:
    publish()
    appeal = objection(blocked_card())
    for decide in (grant_appeal, refuse_appeal):
        with pytest.raises(SelfDecision):
            decide(appeal=appeal, actor=LISTER, reason="fine", occurred_at=NOON)
        with pytest.raises(InvalidField):
            decide(appeal=appeal, actor=DECIDER, reason=" ", occurred_at=NOON)
    assert HotListAppeal.objects.get().state == "open"
    assert not Compensation.objects.exists()


def test_only_what_was_listed_on_suspicion_can_be_objected_to() -> None:
    card = named_card()
    with pytest.raises(NotAppealable):
        objection(card)
    publish()
    report_loss(card=card, actor=CLERK, reason="遗失", occurred_at=NOON)
    with pytest.raises(NotAppealable):
        objection(card)
    blocked = blocked_card(code="second")
    with pytest.raises(NotAppealable):
        objection(blocked, citizen=make_citizen())
    with pytest.raises(NotAppealable):
        objection(blocked, occurred_at=NOON - timedelta(days=365))


def test_a_tampered_chip_is_a_ground_with_its_figures() -> None:
    card = named_card()
    figures = {"chip_balance_fen": 50_000, "ledger_balance_fen": 10_000}
    flag = flag_tampered(card=card, evidence=figures, actor=CLERK, occurred_at=NOON)
    hot_list_flagged(flag=flag, actor=LISTER, occurred_at=NOON)
    block = block_of(card)
    assert block is not None
    assert "500.00" in block.grounds[0].sentence


def test_without_an_online_account_the_compensation_waits_at_the_counter() -> None:
    publish()
    card = blocked_card(account_limit_fen=0)
    note = grant_appeal(appeal=objection(card), actor=DECIDER, reason="wrong", occurred_at=NOON).compensation
    assert note is not None
    assert (note.state, fen("2033")) == ("owed", 1_000)
    assert invariants.broken() == []
    cash = fen("1011")
    paid = pay_compensation_in_cash(note=note, actor="finance", occurred_at=NOON)
    assert (paid.state, fen("2033"), fen("1011") - cash) == ("paid", 0, -1_000)
    with pytest.raises(CitizenCardError, match="补偿已"):
        pay_compensation_in_cash(note=note, actor="finance", occurred_at=NOON)
    assert invariants.broken() == []


def test_an_account_without_room_takes_nothing() -> None:
    card = named_card(product={"account_limit_fen": 999})
    note = compensate(card=card, amount_fen=1_000, key="k", legal_basis="b", actor="x", occurred_at=NOON)
    assert (note.state, purse_fen(card, "account")) == ("owed", 0)


def test_a_policy_without_compensation_posts_nothing() -> None:
    publish(0)
    granted = grant_appeal(appeal=objection(blocked_card()), actor=DECIDER, reason="wrong", occurred_at=NOON)
    assert (granted.compensation, Transfer.objects.filter(kind__in=(36, 37)).exists()) == (None, False)


def test_a_key_stands_for_one_compensation() -> None:
    card = named_card()
    values: dict[str, Any] = {"card": card, "key": "k", "legal_basis": "b", "actor": "x", "occurred_at": NOON}
    first = compensate(amount_fen=500, **values)
    assert compensate(amount_fen=500, **values) == first
    assert purse_fen(card, "account") == 500
    with pytest.raises(Conflict):
        compensate(amount_fen=501, **values)
    with pytest.raises(InvalidField):
        compensate(amount_fen=0, **values | {"key": "l"})


def test_an_unfounded_compensation_is_a_breach() -> None:
    """The control: the rule that every document has its transfers sees a note that nobody posted."""
    card = named_card()
    Compensation.objects.create(key="n", card=card, amount_fen=5, legal_basis="b", occurred_at=NOON)
    (breach,) = invariants.broken()
    assert "kind 36" in breach.subject


@pytest.mark.parametrize(
    "changes", [{"decide_days": 0}, {"compensation_fen": -1}, {"legal_basis": ""}, {"decide_days": True}]
)
def test_policies_are_sane_and_stay(changes: dict[str, Any]) -> None:
    terms: dict[str, Any] = {
        "valid_from": date(2026, 1, 1), "decide_days": 3, "compensation_fen": 1, "legal_basis": "b", "actor": "x",
    }  # fmt: skip
    with pytest.raises(InvalidField):
        publish_appeal_policy(**terms | changes)
    publish_appeal_policy(**terms)
    with pytest.raises(Conflict):
        publish_appeal_policy(**terms | {"decide_days": 4})


STEPS = ("file", "grant", "refuse", "own", "list")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
def test_whatever_is_tried_in_whatever_order_it_is_made_good_at_most_once(steps: list[str]) -> None:
    """Every step comes through or is refused by name; the card is off the list exactly when an objection was granted."""
    from django.db import transaction

    with transaction.atomic():
        publish()
        card = blocked_card()
        for step in steps:
            _try(card, step)
        granted = HotListAppeal.objects.filter(state="granted").count()
        assert Compensation.objects.count() == granted <= 1
        assert is_blocked(card) == (granted == 0)
        assert purse_fen(card, "account") == 1_000 * granted
        assert invariants.broken() == []
        transaction.set_rollback(True)


def _try(card: Card, step: str) -> None:
    appeal = HotListAppeal.objects.first()
    flag = CardFlag.objects.filter(cleared_at=None).first()
    try:
        if step == "file":
            objection(card)
        elif step == "list" and flag is not None:
            hot_list_flagged(flag=flag, actor=LISTER, occurred_at=NOON)
        elif appeal is not None and step != "list":
            decide = refuse_appeal if step == "refuse" else grant_appeal
            actor = LISTER if step == "own" else DECIDER
            decide(appeal=appeal, actor=actor, reason="seen", occurred_at=NOON)
    except (NotAppealable, IllegalAppealStep, SelfDecision):
        pass
