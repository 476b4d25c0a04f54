"""What a citizen takes home: receipts of own movements and proofs of own balances that hold without us, and nobody else's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import Transfer
from settlement.selectors.proofs import published_keys
from tests.citizencard.city import USES, City
from tests.settlement.verifier import PROGRAM, holds

LINK = re.compile(r'href="(/cards/\d+/receipts/[^"]+)"')


def test_every_proved_line_of_the_statement_has_a_receipt_that_holds(
    city: City, as_citizen: Client, tmp_path: Path
) -> None:
    text = as_citizen.get(f"/cards/{city.card.pk}/").content.decode()
    links = LINK.findall(text)
    # All uses and the load; the one of the open day is not proved yet.
    assert len(links) == len(USES) + 1
    amounts = set()
    for link in links:
        answer = as_citizen.get(link)
        assert answer["Content-Disposition"].startswith("attachment")
        receipt = json.loads(answer.content)
        assert holds(tmp_path, keys=published_keys(), receipt=receipt)
        amounts.add(receipt["transfer"]["amount_fen"])
    assert amounts == {fen for _place, fen in USES} | {15_000}


def test_a_balance_proof_holds_and_says_what_was_held_at_the_close(
    city: City, as_citizen: Client, tmp_path: Path
) -> None:
    content = json.loads(as_citizen.get(f"/cards/{city.card.pk}/balance-proof/chip.json").content)
    assert holds(tmp_path, keys=published_keys(), balance=content)
    assert content["balance"]["balance_fen"] == 15_000 - sum(fen for _place, fen in USES)


def test_the_online_accounts_lines_have_receipts_too(city: City, client: Client) -> None:
    client.force_login(city.neighbour.user)
    links = LINK.findall(client.get(f"/cards/{city.neighbours_card.pk}/").content.decode())
    assert links
    assert client.get(links[0]).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "receipts/2026-03-02/{others}.json",
        "receipts/2026-03-02/99999999999999999999.json",
        "receipts/2026-13-02/1.json",
        "receipts/2026-03-03/{own}.json",
        "balance-proof/savings.json",
        "balance-proof/account.json",
    ],
)
def test_what_is_not_ones_own_or_not_there_is_not_found(city: City, as_citizen: Client, path: str) -> None:
    accounts = {card.pk: card.purse.account_id for card in (city.card, city.neighbours_card)}
    own, others = (
        Transfer.objects.filter(credit_id=accounts[card.pk]).earliest("id").id
        for card in (city.card, city.neighbours_card)
    )
    where = path.format(own=own, others=others)
    assert as_citizen.get(f"/cards/{city.card.pk}/{where}").status_code == 404
    assert Client().get(f"/cards/{city.card.pk}/receipts/2026-03-02/{own}.json").status_code == 302
    assert as_citizen.get(f"/cards/{city.neighbours_card.pk}/balance-proof/chip.json").status_code == 404


def test_the_page_about_proofs_says_what_is_owed_and_gives_the_program(city: City, client: Client) -> None:
    text = client.get("/proofs/").content.decode()
    assert "88.80" in text or "¥" in text
    answer = client.get("/proofs/verify.py")
    assert b"".join(answer.streaming_content) == PROGRAM.read_bytes()  # type: ignore[attr-defined]
