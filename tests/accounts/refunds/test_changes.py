"""Deaths, moves and new names: reported by one, believed by another, with everything that follows and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import CardNotActive, ChangeOnRecord, ComparisonRefused, HolderDeceased, RefundBlocked
from accounts.models import (
    Card,
    Citizen,
    ComparisonList,
    FamilyLink,
    Guardianship,
    Notice,
    PersonChange,
    Refund,
)
from accounts.selectors.people import find_people
from accounts.services.changes import approve_change, refuse_change, report_change
from accounts.services.citizens import create_login, reveal_citizen
from accounts.services.comparison import take_comparison
from accounts.services.comparison_file import WORDS, Fault, read_comparison_file
from accounts.services.concessions import grant_concession
from accounts.services.family import invite_member
from accounts.services.guardians import appoint_guardian
from accounts.services.orders import require_active
from accounts.services.verification import set_level
from citizencard.core.errors import AlreadyDecided, InvalidField, MakerIsChecker
from settlement.selectors.audit import broken_invariants
from terminals.models import HotListEntry
from terminals.services import changes as field_changes
from terminals.services.hotlist import report_loss
from tests.accounts.refunds.stories import LATER, NOON, OFFICER, approved, ask, due, named_card
from tests.factories import CLERK, document_number, make_card, make_citizen, make_product

pytestmark = pytest.mark.django_db
BOSS = "boss"
Kind, State = PersonChange.Kind, PersonChange.State
DAY = date(2026, 2, 20)


def happened(citizen: Citizen, kind: str, **more: str) -> PersonChange:
    """Reported and believed."""
    change = report_change(
        citizen=citizen, kind=kind, on=DAY, source="death certificate 17", maker=CLERK, **more
    )
    return field_changes.approve_change(change=change, checker=BOSS, occurred_at=NOON)


def listed(*lines: str, number: str = "RK1", as_of: str = "2026-02-28") -> bytes:
    rows = [f"{place},{line}" for place, line in enumerate(lines, 1)]
    return "\n".join([f"{number},市公安局,{as_of},{len(lines)}", *rows]).encode()


def test_after_a_death_nothing_is_used_in_the_name_and_the_money_waits(named: Card) -> None:
    person, friend = named.citizen, make_citizen(name="陈大同")
    assert person is not None
    ward = make_citizen(
        document_kind="taiwan_pass", document_number="01234567", birth_date=date(2018, 5, 5), consent=False
    )
    login = create_login(citizen=person, password="quanzhou-west-lake")
    invite_member(payer=person, member=friend, actor=CLERK, occurred_at=NOON)
    appoint_guardian(guardian=person, ward=ward, proof="register", actor=CLERK, occurred_at=NOON)
    today = timezone.localdate()
    grant_concession(
        citizen=person,
        category="senior",
        valid_from=today,
        proof="age",
        legal_basis="rule 5",
        checked_by=CLERK,
    )
    change = happened(person, Kind.DECEASED)
    assert field_changes.approve_change(change=change, checker=BOSS, occurred_at=LATER) == change
    person.refresh_from_db()
    assert (person.deceased_on, person.level) == (DAY, Citizen.Level.CLAIMED)
    named.refresh_from_db()
    assert named.state == Card.State.SUSPENDED
    assert HotListEntry.objects.get(pan=named.pan, removed_at=None).cause == HotListEntry.Cause.DECEASED
    assert named.purse.balance_fen == 10_000
    with pytest.raises(CardNotActive):
        require_active(named)
    assert not FamilyLink.objects.exclude(state=FamilyLink.State.ENDED).exists()
    assert Guardianship.objects.get().ended_because == Guardianship.End.DECEASED
    assert person.concessions.get().withdrawn_reason == Kind.DECEASED
    login.refresh_from_db()
    assert not login.is_active
    with pytest.raises(HolderDeceased):
        set_level(citizen=person, level=2, proof="seen", actor=BOSS, occurred_at=NOON)
    assert broken_invariants() == []


def test_the_heirs_are_paid_out_on_their_proof_whatever_the_product_says(open_day: object) -> None:
    card = named_card(redeemable=False)
    with pytest.raises(RefundBlocked):
        ask(card)
    happened(card.citizen, Kind.DECEASED)  # type: ignore[arg-type]  # it has a holder
    with pytest.raises(InvalidField):
        ask(card, reason=" ")
    refund = approved(card, reason="notary 2026/88", payee="acct_1")
    assert (refund.state, refund.payable_fen) == (Refund.State.APPROVED, 11_000)
    card.refresh_from_db()
    assert card.state == Card.State.CLOSED
    assert broken_invariants() == []


def test_a_refund_to_heirs_that_comes_to_nothing_leaves_the_card_suspended(named: Card) -> None:
    from terminals.services.refunds import withdraw_card_refund

    happened(named.citizen, Kind.DECEASED)  # type: ignore[arg-type]
    withdraw_card_refund(
        refund=due(named, reason="notary 2"), actor=OFFICER, reason="one heir objects", occurred_at=LATER
    )
    named.refresh_from_db()
    assert named.state == Card.State.SUSPENDED
    assert HotListEntry.objects.filter(pan=named.pan, removed_at=None).exists()


def test_who_is_alive_after_all_has_the_cards_again(named: Card) -> None:
    person = named.citizen
    assert person is not None
    lost = make_card(product=make_product(real_name=True, code="second"), citizen=person)
    report_loss(card=lost, actor=CLERK, reason="bus", occurred_at=NOON)
    happened(person, Kind.DECEASED)
    happened(person, Kind.ALIVE)
    person.refresh_from_db()
    assert (person.deceased_on, person.level) == (None, Citizen.Level.CLAIMED)
    for card, state in ((named, Card.State.ACTIVE), (lost, Card.State.LOST)):
        card.refresh_from_db()
        assert card.state == state
    assert HotListEntry.objects.get(removed_at=None).pan == lost.pan
    assert Notice.objects.filter(citizen=person, code=Notice.Code.ALIVE).exists()


def test_nothing_new_is_handed_out_to_the_dead(named: Card) -> None:
    from accounts.services.cards import issue_card

    person = named.citizen
    assert person is not None
    ready = make_card(
        product=make_product(real_name=True, code="second"), citizen=person, state=Card.State.PERSONALISED
    )
    happened(person, Kind.DECEASED)
    with pytest.raises(HolderDeceased):
        issue_card(card=ready, actor=CLERK, occurred_at=NOON)


def test_who_moved_out_keeps_card_and_money_but_not_what_the_city_pays(named: Card) -> None:
    person = named.citizen
    assert person is not None
    grant_concession(
        citizen=person,
        category="senior",
        valid_from=timezone.localdate(),
        proof="age",
        legal_basis="rule 5",
        checked_by=CLERK,
    )
    happened(person, Kind.MOVED_OUT)
    person.refresh_from_db()
    assert person.moved_out_on == DAY
    assert person.concessions.get().withdrawn_at is not None
    named.refresh_from_db()
    assert named.state == Card.State.ACTIVE
    assert "2026-02-20" in Notice.objects.get(citizen=person).text
    happened(person, Kind.MOVED_IN)
    person.refresh_from_db()
    assert person.moved_out_on is None


def test_a_new_name_is_sealed_found_and_not_kept_twice(open_day: object) -> None:
    person = make_citizen(name="林美玲")
    change = happened(person, Kind.RENAMED, name="林小美")
    person.refresh_from_db()
    assert (person.name_mask, change.name_mask) == ("**美", "**美")
    assert (change.name_sealed, change.name_index) == (None, None)
    assert (find_people("林小美"), find_people("林美玲")) == ([person], [])
    assert reveal_citizen(citizen=person, actor=CLERK, reason="check").name == "林小美"


def test_four_eyes_once(open_day: object) -> None:
    person = make_citizen()
    change = report_change(citizen=person, kind=Kind.DECEASED, on=DAY, source="paper", maker=CLERK)
    with pytest.raises(ChangeOnRecord):
        report_change(citizen=person, kind=Kind.DECEASED, on=DAY, source="paper", maker=CLERK)
    with pytest.raises(MakerIsChecker):
        approve_change(change=change, checker=CLERK, occurred_at=NOON)
    person.refresh_from_db()
    assert person.deceased_on is None
    refuse_change(change=change, checker=BOSS, reason="another person of that name")
    with pytest.raises(AlreadyDecided):
        approve_change(change=change, checker=BOSS, occurred_at=NOON)
    happened(person, Kind.DECEASED)
    with pytest.raises(ChangeOnRecord):
        report_change(
            citizen=person, kind=Kind.DECEASED, on=DAY - timedelta(days=1), source="paper", maker=CLERK
        )


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("kind", {"kind": "gone"}),
        ("source", {"source": " "}),
        ("on", {"on": timezone.localdate() + timedelta(days=2)}),
        ("name", {"name": "林小美"}),
        ("name", {"kind": Kind.RENAMED}),
        ("name", {"kind": Kind.RENAMED, "name": "123"}),
    ],
)
def test_a_report_that_says_nothing_is_refused(open_day: object, field: str, changed: dict[str, str]) -> None:
    facts = {"kind": Kind.DECEASED, "on": DAY, "source": "paper", "maker": CLERK}
    with pytest.raises(InvalidField) as refusal:
        report_change(citizen=make_citizen(), **(facts | changed))  # type: ignore[arg-type]
    assert refusal.value.data["field"] == field
    assert not PersonChange.objects.exists()


def test_a_list_reports_what_is_news_of_people_on_the_register(
    open_day: object, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    numbers = [document_number() for _ in range(4)]
    dead, moved, renamed, same = (make_citizen(document_number=number) for number in numbers)
    content = listed(
        f"{numbers[0]},死亡,2026-02-01,",
        f"{numbers[1].lower()},迁出,2026-02-02",
        f"{numbers[2]},更名,2026-02-03,林小美",
        f"{numbers[3]},更名,2026-02-03,林美玲",
        f"{numbers[3]},迁入,2026-02-03,",
        f"{document_number()},死亡,2026-02-04,",
    )
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        taken = take_comparison(content=content, maker=CLERK)
    assert (taken.lines, taken.known) == (6, 5)
    found = {each.citizen: each.kind for each in taken.changes.all()}
    assert found == {dead: Kind.DECEASED, moved: Kind.MOVED_OUT, renamed: Kind.RENAMED}
    assert same not in found
    assert take_comparison(content=content, maker=BOSS) == taken
    later = take_comparison(content=listed(f"{numbers[0]},死亡,2026-02-01,", number="RK2"), maker=CLERK)
    assert (later.known, later.changes.count()) == (1, 0)
    with pytest.raises(ComparisonRefused):
        take_comparison(content=listed(f"{numbers[1]},死亡,2026-02-01,"), maker=CLERK)


@pytest.mark.parametrize(
    ("content", "row", "fault"),
    [
        (b"\xff\xfe\x00", 0, Fault.ENCODING),
        (b"", 0, Fault.FORMAT),
        ("RK 1,市公安局,2026-02-28,1\n".encode(), 0, Fault.NUMBER),
        (b"RK1,,2026-02-28,1\n", 0, Fault.SOURCE),
        ("RK1,市公安局,20260228,1\n".encode(), 0, Fault.DAY),
        ("RK1,市公安局,2026-02-28,2\n1,E1234567,死亡,2026-02-01".encode(), 0, Fault.COUNT_DIFFERS),
        (listed("E1234567,死亡"), 1, Fault.FORMAT),
        (listed("E1234567,死亡,2026-02-01,,"), 1, Fault.FORMAT),
        (listed("E-1,死亡,2026-02-01"), 1, Fault.DOCUMENT),
        (listed("E1234567,走失,2026-02-01"), 1, Fault.EVENT),
        (listed("E1234567,死亡,2026-02-30"), 1, Fault.DAY),
        (listed("E1234567,死亡,2026-03-01"), 1, Fault.DAY),
        (listed("E1234567,死亡,2026-02-01,林小美"), 1, Fault.NAME),
        (listed("E1234567,更名,2026-02-01,"), 1, Fault.NAME),
        (listed("E1234567,更名,2026-02-01,12"), 1, Fault.NAME),
        (listed("E1234567,死亡,2026-02-01", "e1234567,死亡,2026-02-01"), 2, Fault.TWICE),
        ("RK1,市公安局,2026-02-28,1\n2,E1234567,死亡,2026-02-01".encode(), 1, Fault.ROW_NUMBER),
    ],
)
def test_a_bad_list_is_refused_whole_and_the_row_named(content: bytes, row: int, fault: Fault) -> None:
    problems = read_comparison_file(content).problems
    assert (row, fault) in {(each.row, each.fault) for each in problems}
    with pytest.raises(ComparisonRefused):
        take_comparison(content=content, maker=CLERK)
    assert not ComparisonList.objects.exists()


@given(st.binary(max_size=200), st.lists(st.text(max_size=30), max_size=6), st.sampled_from(sorted(WORDS)))
def test_whatever_a_file_holds_is_a_list_or_a_problem(noise: bytes, cells: list[str], word: str) -> None:
    for content in (noise, listed(",".join(cells)), listed(f"E1234567,{word},{''.join(cells)}")):
        file = read_comparison_file(content)
        assert file.problems or len(file.lines) == (file.header.lines if file.header else -1)


def test_the_command_takes_a_list_and_names_bad_rows(
    open_day: object, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    from pathlib import Path

    path, number = Path(str(tmp_path)) / "list.csv", document_number()
    make_citizen(document_number=number)
    path.write_bytes(listed(f"{number},死亡,2026-02-01,").decode().encode("gb18030"))
    call_command("comparison", path, dry_run=True)
    call_command("comparison", path, maker=CLERK)
    assert "1 lines, 1 of people on register, 1 changes wait" in capsys.readouterr().out
    path.write_bytes(listed(f"{number},走失,2026-02-01,"))
    for options in ({"dry_run": True}, {"maker": CLERK}):
        with pytest.raises(CommandError):
            call_command("comparison", path, **options)
        assert "event" in capsys.readouterr().out


def test_a_list_cannot_be_written_anew(open_day: object) -> None:
    from django.db import Error, transaction

    taken = take_comparison(content=listed(f"{document_number()},死亡,2026-02-01,"), maker=CLERK)
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_comparisonlist SET known = 0 WHERE id = %s", [taken.pk])
