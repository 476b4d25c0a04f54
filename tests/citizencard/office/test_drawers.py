"""A clerk's drawer over a day in the office: opened, used, counted blind, taken over by a supervisor."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import DrawerCount, DrawerSession
from accounts.services import topup
from citizencard.office.drawer_forms import PiecesField
from tests.accounts.drawers.till import make_hall
from tests.citizencard.city import make_staff
from tests.factories import make_card, make_order

SignIn = Callable[[str], Client]
OPEN = "/office/accounts/drawersession/open/"


def words(answer: object) -> str:
    html: str = answer.content.decode()  # type: ignore[attr-defined]
    return re.sub(r"\s+", " ", re.sub(r"<(?!input)[^>]+>", " ", html))


def pieces(**numbers: int) -> dict[str, str]:
    """The form's fields: `_100=2` is two notes of a hundred yuan."""
    worth = {
        "_100": 10_000,
        "_50": 5_000,
        "_20": 2_000,
        "_10": 1_000,
        "_5": 500,
        "_1": 100,
        "_05": 50,
        "_01": 10,
    }
    return {f"pieces_{worth[name]}": str(number) for name, number in numbers.items()}


@pytest.fixture
def hall_pk(open_day: object, _quick_passwords: None) -> int:
    make_staff()
    return make_hall().pk


def session_path(step: str = "change") -> str:
    return f"/office/accounts/drawersession/{DrawerSession.objects.get().pk}/{step}/"


@pytest.mark.django_db
def test_a_drawer_from_float_to_safe(hall_pk: int, as_staff: SignIn) -> None:
    clerk, supervisor = as_staff("clerk"), as_staff("supervisor")
    assert "¥0.10" in words(clerk.get(OPEN))
    opened = clerk.post(OPEN, {"hall": hall_pk, **pieces(_50=2, _10=10)})
    assert opened["Location"] == session_path()
    assert "已有打开的钱箱" in words(clerk.post(OPEN, {"hall": hall_pk, **pieces(_1=1)}))
    topup.receive_cash(order=make_order(card=make_card()), actor="clerk")  # 20 for the card, 50 for its purse

    blind = words(clerk.get(session_path()))
    assert "200.00" in blind  # the float, which the clerk has counted
    assert "270.00" not in blind
    assert "70.00" not in blind
    assert "270.00" in words(supervisor.get(session_path()))

    assert 'role="alert"' in clerk.post(session_path("count"), pieces(_100=-1)).content.decode()
    told = words(clerk.post(session_path("count"), pieces(_100=2, _50=1, _10=1, _5=1)))
    for shown in ("265.00", "270.00", "−5.00"):
        assert shown in told
    count = f"/office/accounts/drawercount/{DrawerCount.objects.get().pk}/"
    assert clerk.post(count + "approve/", {}).status_code == 403
    page = words(supervisor.get(count + "approve/"))
    assert "−5.00" in page
    assert "100.00" in page
    supervisor.post(count + "approve/", {})
    assert DrawerSession.objects.get().state == DrawerSession.State.CLOSED
    closed = words(clerk.get(session_path()))
    for shown in ("Z 报表", "长短款", "265.00"):
        assert shown in closed


@pytest.mark.django_db
def test_a_count_that_is_refused_is_counted_again(hall_pk: int, as_staff: SignIn) -> None:
    clerk, supervisor = as_staff("clerk"), as_staff("supervisor")
    clerk.post(OPEN, {"hall": hall_pk, **pieces(_50=2)})
    clerk.post(session_path("count"), pieces(_50=1))
    assert session_path("count") not in clerk.get(session_path()).content.decode()
    count = f"/office/accounts/drawercount/{DrawerCount.objects.get().pk}/"
    supervisor.post(count + "refuse/", {"reason": "我点是一百元"})
    assert "我点是一百元" in words(clerk.get(session_path()))
    assert "100.00" in words(clerk.post(session_path("count"), pieces(_50=2)))


@pytest.mark.django_db
def test_somebody_elses_drawer_is_not_counted(hall_pk: int, as_staff: SignIn) -> None:
    as_staff("clerk").post(OPEN, {"hall": hall_pk, **pieces(_50=2)})
    assert "此钱箱由 clerk 负责" in words(as_staff("finance").post(session_path("count"), pieces(_50=2)))
    assert not DrawerCount.objects.exists()


def test_pieces_are_whole_and_few() -> None:
    field = PiecesField()
    assert field.clean(["2", "", "", "", "", "", "", "3"]) == {
        10_000: 2, 5_000: 0, 2_000: 0, 1_000: 0, 500: 0, 100: 0, 50: 0, 10: 3,
    }  # fmt: skip
    for wrong in ("-1", "1.5", "x", "100000"):
        with pytest.raises(Exception, match=r".+"):
            field.clean([wrong, "", "", "", "", "", "", ""])
