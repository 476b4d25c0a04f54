"""Accounts are changed by two people, neither of whom it is about; and no one person has two roles that check each other."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import CheckConstraint
from django.test import Client

from accounts.models import User
from citizencard.core.errors import AlreadyDecided, CitizenCardError, InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from citizencard.core.two_people import MadeAndChecked
from citizencard.office.roles import MATRIX
from citizencard.staff.errors import AccountState, ChangePending, NotOnesOwn, RolesApart
from citizencard.staff.models import AccountChange, AuthenticatorApp, StaffSession
from citizencard.staff.services.changes import (
    approve_change,
    found_administrator,
    propose_change,
    refuse_change,
)
from tests.citizencard.city import PASSWORD, make_staff
from tests.citizencard.staff.desk import Desk

APART = {
    "administrator": {"auditor", "clerk", "finance", "key_custodian", "supervisor"},
    "auditor": {"clerk", "finance", "key_custodian", "supervisor"},
    "clerk": {"finance", "supervisor"},
    "finance": {"supervisor"},
}
"""By the alphabet. What is left: a key custodian may also be clerk, finance or supervisor."""


def propose(kind: str, username: str, *roles: str, maker: str = "administrator") -> AccountChange:
    return propose_change(kind=kind, username=username, roles=roles, maker=maker, reason="岗位调整")


def roles_of(username: str) -> set[str]:
    return set(User.objects.get(username=username).groups.values_list("name", flat=True))


def test_somebody_is_hired_by_two_and_comes_in_with_a_code(db: None, strict: None) -> None:
    make_staff()
    _change, code = approve_change(
        change=propose("hire", "xiao.chen", "clerk", "key_custodian"), checker="supervisor"
    )
    assert roles_of("xiao.chen") == {"clerk", "key_custodian"}
    desk = Desk("xiao.chen")
    desk.sign_in(code)
    assert desk.client.get("/office/")["Location"].startswith("/office/password_change/")
    form = {"old": code, "new": "qing-ming-2026", "again": "qing-ming-2026"}
    assert desk.client.post("/office/password_change/", form)["Location"] == "/office/"
    assert desk.client.get("/office/")["Location"].startswith("/office/account/enrol/")
    desk.enrol()
    assert desk.inside()
    trail = list(AuditEntry.objects.values_list("action", "actor"))
    assert trail[:2] == [("staff.account.propose", "administrator"), ("staff.account.hire", "supervisor")]
    assert code not in str(list(AuditEntry.objects.values()))


def test_a_code_is_too_old_after_a_day(db: None) -> None:
    from datetime import timedelta

    from citizencard.staff.models import StartingCode

    make_staff()
    _change, code = approve_change(change=propose("reset", "clerk"), checker="supervisor")
    StartingCode.objects.update(expires_at=StartingCode.objects.get().expires_at - timedelta(hours=25))
    assert "初始码已过期" in Desk("clerk").sign_in(code).content.decode()


def test_nobody_has_a_hand_in_their_own_account(db: None) -> None:
    make_staff()
    with pytest.raises(NotOnesOwn):
        propose("roles", "administrator", "supervisor")
    change = propose("roles", "supervisor", "key_custodian")
    with pytest.raises(MakerIsChecker):
        approve_change(change=change, checker="administrator")
    for decide in (approve_change, lambda **words: refuse_change(reason="不同意", **words)):
        with pytest.raises(NotOnesOwn):
            decide(change=change, checker="supervisor")
    assert AccountChange.objects.get().state == "proposed"
    columns = {"state": "approved", "checked_at": change.made_at}
    for checker in ("administrator", "supervisor"):
        with pytest.raises(IntegrityError), transaction.atomic():
            AccountChange.objects.filter(pk=change.pk).update(checker=checker, **columns)


def test_decided_once_and_one_change_at_a_time(db: None) -> None:
    make_staff()
    change = propose("deactivate", "clerk")
    with pytest.raises(ChangePending):
        propose("reset", "clerk")
    refuse_change(change=change, checker="supervisor", reason="仍在岗")
    with pytest.raises(AlreadyDecided):
        approve_change(change=change, checker="supervisor")
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        AccountChange.objects.update(reason="别的")
    assert User.objects.get(username="clerk").is_active


@pytest.mark.parametrize(
    ("kind", "username", "roles", "refusal"),
    [
        ("hire", "clerk", ["clerk"], AccountState),
        ("hire", "new one", ["clerk"], InvalidField),
        ("hire", "new", [], InvalidField),
        ("hire", "new", ["mayor"], InvalidField),
        ("hire", "new", ["clerk", "supervisor"], RolesApart),
        ("roles", "nobody", ["clerk"], AccountState),
        ("roles", "root", ["clerk"], AccountState),
        ("reinstate", "clerk", [], AccountState),
    ],
)
def test_what_cannot_be_is_said(
    db: None, kind: str, username: str, roles: list[str], refusal: type[CitizenCardError]
) -> None:
    make_staff()
    with pytest.raises(refusal):
        propose(kind, username, *roles)
    assert not AccountChange.objects.exists()


@pytest.mark.parametrize("pair", list(combinations(sorted(MATRIX), 2)), ids="+".join)
def test_the_database_keeps_roles_apart(db: None, pair: tuple[str, str]) -> None:
    """Whatever writes the table, and in whichever order the roles come."""
    allowed = pair[1] not in APART.get(pair[0], set())
    for number, names in enumerate((pair, pair[::-1])):
        user = User.objects.create_user(username=f"u{number}", password=PASSWORD, is_staff=True)
        first, second = (Group.objects.get(name=name) for name in names)
        user.groups.add(first)
        if allowed:
            user.groups.add(second)
        else:
            with pytest.raises(IntegrityError, match="may not have both roles"), transaction.atomic():
                user.groups.add(second)
            with pytest.raises(IntegrityError, match="may not have both roles"), transaction.atomic():
                user.groups.set([first, second])


def test_a_superuser_has_no_role_and_does_nothing(db: None) -> None:
    make_staff()
    root = User.objects.get(username="root")
    with pytest.raises(IntegrityError), transaction.atomic():
        root.groups.add(Group.objects.get(name="finance"))
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(username="clerk").update(is_superuser=True)
    granted = {name for names in MATRIX.values() for name in names if root.has_perm(name)}
    assert granted == {
        name for names in MATRIX.values() for name in names if name.split(".")[1].startswith("view_")
    }


def test_where_a_superuser_looks_is_on_the_trail(db: None) -> None:
    make_staff()
    desk = Desk("root")
    desk.sign_in()
    desk.client.get("/office/accounts/card/")
    assert (
        AuditEntry.objects.filter(actor="root", action="superuser.look").last().subject
        == "/office/accounts/card/"
    )


def test_other_roles_and_leaving_end_every_session(db: None) -> None:
    make_staff()
    desk = Desk("clerk")
    for change in (propose("roles", "clerk", "finance"), None):
        desk.sign_in()
        assert desk.inside()
        approve_change(change=change or propose("deactivate", "clerk"), checker="supervisor")
        assert not desk.inside()
    assert not Desk("clerk").sign_in().has_header("Location")
    approve_change(change=propose("reinstate", "clerk"), checker="supervisor")
    assert set(StaffSession.objects.values_list("ended_because", flat=True)) == {"changed"}


def test_a_lost_factor_is_replaced_by_two_and_the_old_password_opens_nothing(desk: Desk) -> None:
    desk.sign_in()
    desk.enrol()
    _change, code = approve_change(change=propose("reset", "clerk"), checker="supervisor")
    assert not AuthenticatorApp.objects.exists()
    desk.client = Client()
    assert desk.sign_in(PASSWORD).status_code == 200
    assert desk.sign_in(code).status_code == 302


def test_the_office_pages_do_it(db: None, strict: None) -> None:
    make_staff()
    administrator, supervisor = Desk("administrator"), Desk("supervisor")
    for each in (administrator, supervisor):
        each.sign_in()
        each.enrol()
    form = {"kind": "hire", "username": "xiao.li", "name": "李小", "roles": ["clerk"], "reason": "新员工"}
    answer = administrator.client.post("/office/staff/accountchange/propose/", form)
    change = AccountChange.objects.get()
    assert answer["Location"] == f"/office/staff/accountchange/{change.pk}/change/"
    step = f"/office/staff/accountchange/{change.pk}/approve/"
    assert 'role="alert"' in administrator.client.post(step).content.decode()
    asked = supervisor.client.get(step).content.decode()
    assert all(word in asked for word in ("xiao.li", "李小", "办事员", "新员工", "administrator"))
    shown = supervisor.client.post(step).content.decode()
    assert "初始码" in shown
    assert roles_of("xiao.li") == {"clerk"}
    assert (
        "李小"
        in administrator.client.get(f"/office/staff/accountchange/{change.pk}/change/").content.decode()
    )


def test_the_first_two_administrators_come_from_the_console(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("first_administrator", "first", "--name", "何立新")
    code = capsys.readouterr().out.strip()
    assert Desk("first").sign_in(code)["Location"] == "/office/"
    found_administrator(username="second", name="")
    with pytest.raises(CommandError):
        call_command("first_administrator", "third")
    assert not User.objects.filter(username="third").exists()


def test_everything_that_takes_two_people_is_kept_by_the_database() -> None:
    """Each such table, also one that is added tomorrow, has a check that maker and checker differ."""
    kinds = [kind for kind in _kinds(MadeAndChecked) if not kind._meta.abstract]
    assert len(kinds) > 5
    differ = re.compile(r"NOT.*(checker.*F\(maker\)|maker.*F\(checker\))")
    for kind in kinds:
        checks = [str(each.condition) for each in kind._meta.constraints if isinstance(each, CheckConstraint)]
        assert any(differ.search(check) for check in checks), kind


def _kinds(base: type) -> list[type[MadeAndChecked]]:
    return [each for child in base.__subclasses__() for each in (child, *_kinds(child))]


def _approve(given: tuple[int, str]) -> str:
    try:
        approve_change(change=AccountChange.objects.get(pk=given[0]), checker=given[1])
    except CitizenCardError as refusal:
        return refusal.code
    finally:
        connection.close()
    return "approved"


def _give(given: tuple[int, str]) -> bool:
    try:
        User.objects.get(pk=given[0]).groups.add(Group.objects.get(name=given[1]))
    except IntegrityError:
        return False
    finally:
        connection.close()
    return True


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_let() -> None:
    """Sixteen approvals by two people: one. Two roles that are apart, given at the same moment: one."""
    make_staff()
    User.objects.create_user(username="second", password=PASSWORD, is_staff=True)
    change = propose("hire", "xiao.chen", "clerk")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(_approve, [(change.pk, name) for name in ("supervisor", "second")] * 8))
        for number in range(10):
            user = User.objects.create_user(username=f"r{number}", password=PASSWORD, is_staff=True)
            assert sum(threads.map(_give, [(user.pk, "clerk"), (user.pk, "supervisor")])) == 1
    assert sorted(answers) == ["already_decided"] * 15 + ["approved"]
    assert User.objects.filter(username="xiao.chen").count() == 1
