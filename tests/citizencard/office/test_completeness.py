"""What is missing is said to finance and auditors, on a page and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Card
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import BusinessDay
from citizencard.office.roles import MATRIX
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.citizencard.city import make_staff
from tests.factories import NOON, fill_purse, make_card
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PAGE = "/office/completeness/"


@pytest.fixture
def field(open_day: BusinessDay, _quick_passwords: None, demo_keys: KeyStore) -> Field:
    make_staff()
    return Field.install(demo_keys, "bus-1")


@pytest.fixture
def card(field: Field) -> Card:
    """A card of which the records 2 and 3 did not come: 5.00 yuan."""
    card = make_card()
    fill_purse(card, 10_000)
    balances = {1: 9_800, 2: 9_500, 3: 9_300, 4: 9_100}
    taps = {
        atc: field.tap(card, atc, balance_fen=balance, occurred_at=NOON + timedelta(hours=atc))
        for atc, balance in balances.items()
    }
    accept_batch(terminal=field.terminal, body=build_batch("B1", [taps[1], taps[4]]))
    return card


def said(*words: str) -> tuple[str, int]:
    """Output and exit code."""
    output = StringIO()
    try:
        call_command("completeness", *words, stdout=output)
    except SystemExit as ended:
        return output.getvalue(), int(str(ended.code))
    return output.getvalue(), 0


def test_the_page_names_what_is_missing_with_its_links(card: Card, field: Field, as_staff: SignIn) -> None:
    client = as_staff("finance")
    for query in ("", f"?day={TODAY}", f"?number={card.pan}"):
        text = client.get(PAGE + query).content.decode()
        assert f'<a href="/office/accounts/card/{card.pk}/change/">{card.pan}</a>' in text
        assert "缺少记录" in text
        assert "2–3" in text
        assert "5.00" in text
    text = client.get(PAGE + "?number=bus-1").content.decode()
    assert f"/office/terminals/terminal/{field.terminal.pk}/change/" in text
    assert f"/office/accounts/card/{card.pk}/change/" not in text
    assert "2–3" not in client.get(PAGE + "?fault=break").content.decode()
    for nothing in ("?number=nobody", "?day=2026-02-01", "?fault=nonsense&day=2026-02-01"):
        answer = client.get(PAGE + nothing)
        assert answer.status_code == 200
        assert "2–3" not in answer.content.decode()
    assert client.get(PAGE + "?number=%00").status_code == 200


def test_the_page_is_for_finance_and_auditor(card: Card, as_staff: SignIn) -> None:
    opened = {role: as_staff(role).get(PAGE).status_code for role in MATRIX}
    assert {role for role, status in opened.items() if status == 200} == {"finance", "auditor"}


def test_the_command_says_the_same(card: Card) -> None:
    for scope in ([], ["--card", card.pan], ["--date", TODAY.isoformat()]):
        text, code = said(*scope)
        assert code == 1
        assert card.pan in text
        assert "2–3" in text
    text, code = said("--card", card.pan, "--json")
    content = json.loads(text)
    (gap,) = content["faults"]
    assert (gap["kind"], gap["first"], gap["last"], gap["missing_fen"]) == ("gap", 2, 3, 500)
    assert content["balance_law"]["gaps_fen"] == 500
    assert content["balance_law"]["holds"]
    assert content["records"]["complete"]
    assert said("--terminal", "bus-1")[1] == 1
    assert said("--date", "2026-02-01")[1] == 0


def test_bad_input_is_one_sentence(card: Card) -> None:
    for words, sentence in (
        (["--card", "1"], "1"),
        (["--terminal", "nobody"], "nobody"),
        (["--date", "yesterday"], "yesterday"),
    ):
        with pytest.raises(CommandError, match=sentence) as refused:
            said(*words)
        assert refused.value.returncode in (1, 2)
