"""What a citizen takes home: receipts of own movements and proofs of own balances that hold without us, and nobody else's."""

from __future__ import annotations

import json
import re
from pathlib import Path

from django.test import Client

from accounts.models import Transfer
from settlement.selectors.proofs import newest_head, published_keys
from settlement.services.clearing import clear_day
from tests.citizencard.city import USES, City
from tests.citizencard.portal.household import Resident
from tests.fixtures_accounts import TODAY
from tests.settlement.verifier import PROGRAM, holds

LINK = re.compile(r'href="(/cards/\d+/receipts/[^"]+)"')
SPENT_FEN = sum(fen for _place, fen in USES)


def test_every_proved_line_has_a_receipt_and_the_balance_a_proof_that_hold(
    city: City, as_citizen: Client, tmp_path: Path
) -> None:
    links = LINK.findall(as_citizen.get(f"/cards/{city.card.pk}/").content.decode())
    # All uses and the load; the use of the open day is not proved yet.
    assert len(links) == len(USES) + 1
    amounts = set()
    for link in links:
        answer = as_citizen.get(link)
        assert answer["Content-Disposition"].startswith("attachment")
        receipt = json.loads(answer.content)
        assert holds(tmp_path, keys=published_keys(), receipt=receipt)
        amounts.add(receipt["transfer"]["amount_fen"])
    assert amounts == {fen for _place, fen in USES} | {15_000}

    balance = json.loads(as_citizen.get(f"/cards/{city.card.pk}/balance-proof/chip.json").content)
    assert holds(tmp_path, keys=published_keys(), balance=balance)
    assert balance["balance"]["balance_fen"] == 15_000 - SPENT_FEN

    head = newest_head()
    assert head is not None
    text = as_citizen.get("/proofs/").content.decode()
    assert f"{head.liabilities_fen // 100}.{head.liabilities_fen % 100:02}" in text
    assert head.content["log_root"] in text


def test_what_is_not_ones_own_or_not_there_is_not_found(city: City, as_citizen: Client) -> None:
    own, others = (
        Transfer.objects.filter(credit_id=card.purse.account_id).earliest("id").id
        for card in (city.card, city.neighbours_card)
    )
    for where in (
        f"receipts/{TODAY}/{others}.json",
        f"receipts/{TODAY}/{10**20}.json",
        f"receipts/2026-13-02/{own}.json",
        f"receipts/{city.open_day}/{own}.json",
        "balance-proof/savings.json",
        "balance-proof/account.json",
    ):
        assert as_citizen.get(f"/cards/{city.card.pk}/{where}").status_code == 404, where
    assert as_citizen.get(f"/cards/{city.neighbours_card.pk}/balance-proof/chip.json").status_code == 404
    assert Client().get(f"/cards/{city.card.pk}/receipts/{TODAY}/{own}.json").status_code == 302


def test_the_online_account_is_proved_as_well(lin: Resident, tmp_path: Path) -> None:
    lin.give_money(5_000)
    assert LINK.findall(lin.page("/cards/{}/online/")) == []
    assert "尚无证明" in lin.client.get("/proofs/").content.decode()
    clear_day(day=TODAY)
    (link,) = LINK.findall(lin.page("/cards/{}/online/"))
    receipt, balance = (
        json.loads(lin.page(where)) for where in (link, "/cards/{}/balance-proof/account.json")
    )
    assert holds(tmp_path, keys=published_keys(), receipt=receipt, balance=balance)
    assert receipt["transfer"]["amount_fen"] == balance["balance"]["balance_fen"] == 5_000


def test_the_program_is_given_away(client: Client) -> None:
    answer = client.get("/proofs/verify.py")
    assert b"".join(answer.streaming_content) == PROGRAM.read_bytes()  # type: ignore[attr-defined]
