"""`manage.py subsidy_batch`: dry run, upload, approval, and what each says."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from accounts.models import Card, SubsidyBatch
from accounts.services.subsidies import open_subsidy_payer
from tests.accounts.subsidies.files import subsidy_file
from tests.factories import CLERK, make_card, make_citizen, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


@pytest.fixture
def card() -> Card:
    open_subsidy_payer(code="MZJ", name="民政局", actor=CLERK)
    return make_card(product=make_product(real_name=True, account_limit_fen=100_000), citizen=make_citizen())


@pytest.fixture
def good(card: Card, tmp_path: Path) -> Path:
    file = tmp_path / "good.csv"
    file.write_bytes(subsidy_file([(card.pan, "100.00")]))
    return file


def run(file: Path, *words: str) -> str:
    out = StringIO()
    with translation.override("en"):
        call_command("subsidy_batch", str(file), *words, stdout=out)
    return out.getvalue().lstrip()


def test_a_dry_run_takes_nothing(good: Path) -> None:
    assert run(good, "--dry-run") == "1 rows, 100.00 yuan: no problems, nothing taken\n"
    assert not SubsidyBatch.objects.exists()


def test_uploaded_by_one_and_approved_by_another(card: Card, good: Path) -> None:
    with pytest.raises(CommandError, match="has not been uploaded"):
        run(good, "--approve", "--checker", "wang")
    assert run(good, "--maker", "li").endswith("1 rows, 100.00 yuan, uploaded\n")
    with pytest.raises(CommandError, match="Somebody else"):
        run(good, "--approve", "--checker", "li")
    for _ in range(2):
        assert run(good, "--approve", "--checker", "wang").endswith("approved\n")
    assert card.purses.get(kind="account").balance_fen == 10_000


def test_every_bad_row_is_a_line_of_a_table(card: Card, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(subsidy_file([(card.pan, "0.00"), ("nobody", "1.00")], total="1.00"))
    for words in (["--dry-run"], ["--maker", "li"]):
        out = StringIO()
        refused = pytest.raises(CommandError, match="2 problems; nothing was taken")
        with translation.override("en"), refused:
            call_command("subsidy_batch", str(bad), *words, stdout=out)
        assert "amount" in out.getvalue()
        assert "holder_unknown" in out.getvalue()


def test_people_and_file_are_named(good: Path, tmp_path: Path) -> None:
    for file, words, sentence in (
        (good, [], "--maker"),
        (good, ["--approve"], "--checker"),
        (tmp_path / "none.csv", ["--dry-run"], "No such file"),
    ):
        with pytest.raises(CommandError, match=sentence):
            run(file, *words)
