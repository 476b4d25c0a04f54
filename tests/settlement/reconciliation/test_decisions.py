"""Decisions of two people on differences, and the evidence that they decide by."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from dataclasses import replace

import pytest

from accounts.models import Card
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from settlement.errors import DecidedElsewhere, IllegalDifferenceStep
from settlement.exports import evidence_pack
from settlement.models import Difference, DifferenceKind
from settlement.selectors.audit import broken_invariants
from settlement.selectors.difference_kinds import TERMS
from settlement.selectors.evidence import evidence_of
from settlement.services.clearing import clear_day
from settlement.services.differences import approve_decision, propose_decision, refuse_decision
from settlement.services.reconciling import ACTOR, reconcile_day, reconcile_due_days
from terminals.services.acceptance import accept_batch
from terminals.wire.txn import MEDIA_TYPE, build_txn
from tests.settlement.reconciliation.street import (
    CHECKER,
    DAY,
    MAKER,
    NEXT,
    night,
    one,
    standing,
    tell,
    told,
    upload,
)
from tests.settlement.small_city import found_small_city
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


@pytest.fixture
def missing(field: Field, card: Card) -> Difference:
    """Two records told, one of them uploaded."""
    records = [field.tap(card, 1, 200), field.tap(card, 2, 300)]
    upload(field, "B1", records[0])
    tell(field, records)
    night()
    return one("missing_upload")


def test_two_people_resolve_a_difference(missing: Difference) -> None:
    propose_decision(difference=missing, actor=MAKER, reason="终端损毁")
    with pytest.raises(MakerIsChecker):
        approve_decision(difference=missing, actor=MAKER)
    refuse_decision(difference=missing, actor=CHECKER, reason="日志尚可读出")
    propose_decision(difference=missing, actor=MAKER, reason="终端日志已毁")
    for _ in range(2):
        approve_decision(difference=missing, actor=CHECKER)
    assert told(missing) == [
        ("open", ACTOR), ("proposed", MAKER), ("open", CHECKER), ("proposed", MAKER), ("resolved", CHECKER),
    ]  # fmt: skip
    assert AuditEntry.objects.filter(subject=f"difference:{missing.pk}").count() == 4
    reconcile_day(day=DAY)
    assert standing() == {"missing_upload": "resolved"}
    assert broken_invariants() == []


def test_a_resolved_difference_stays_so_while_its_figures_do(
    missing: Difference, field: Field, card: Card
) -> None:
    propose_decision(difference=missing, actor=MAKER, reason="r")
    approve_decision(difference=missing, actor=CHECKER)
    upload(field, "B9", replace(field.tap(card, 3, 300), terminal_seq=2, tac="00000000"))
    clear_day(day=NEXT)
    # The second record was refused now, so nothing of the window is missing any more; the decision stands.
    assert standing() == {"missing_upload": "resolved", "bad_tac": "open"}


def test_a_resolved_difference_opens_again_with_other_figures(field: Field, card: Card) -> None:
    records = [field.tap(card, atc, 200) for atc in (1, 2, 3)]
    upload(field, "B1", records[0])
    tell(field, records)
    night()
    propose_decision(difference=one("missing_upload"), actor=MAKER, reason="r")
    approve_decision(difference=one("missing_upload"), actor=CHECKER)
    upload(field, "B2", records[1])
    assert night(NEXT) == {"missing_upload": "open"}
    assert (one("missing_upload").count, one("missing_upload").decided_by) == (1, "")


def test_what_comes_after_a_proposal_makes_it_void(missing: Difference, field: Field, card: Card) -> None:
    propose_decision(difference=missing, actor=MAKER, reason="r")
    upload(field, "B2", field.sealed(replace(field.tap(card, 2, 300), terminal_seq=2)))
    reconcile_due_days()
    assert standing() == {"missing_upload": "explained"}
    with pytest.raises(IllegalDifferenceStep):
        approve_decision(difference=missing, actor=CHECKER)


def test_a_decision_has_a_reason_and_is_made_where_it_belongs(missing: Difference) -> None:
    with pytest.raises(InvalidField):
        propose_decision(difference=missing, actor=MAKER, reason=" ")
    with pytest.raises(IllegalDifferenceStep):
        approve_decision(difference=missing, actor=CHECKER)
    with pytest.raises(IllegalDifferenceStep):
        refuse_decision(difference=missing, actor=CHECKER, reason="r")


def test_held_purchases_are_not_decided_here() -> None:
    clear_day(day=found_small_city())
    with pytest.raises(DecidedElsewhere):
        propose_decision(difference=one("hot_listed"), actor=MAKER, reason="r")


def test_where_no_money_is_at_stake_one_person_is_enough(field: Field, card: Card) -> None:
    records = [field.tap(card, 1, 200), field.tap(card, 2, 300)]
    upload(field, "B1", *records)
    tell(field, records[:1])
    night()
    night(NEXT)
    propose_decision(difference=one("total_missing"), actor=MAKER, reason="终端已报废")
    assert standing() == {"total_missing": "resolved"}


def test_every_kind_has_its_terms() -> None:
    assert set(TERMS) == set(DifferenceKind.values)


def files_of(pack: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def table(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[f"{name}.csv"].decode("utf-8-sig"))))


def test_the_evidence_of_a_refused_record(field: Field, card: Card) -> None:
    wrong = replace(field.tap(card, 1, 200), tac="00000000")
    upload(field, "B1", wrong)
    night()
    difference = one("bad_tac")
    pack = evidence_pack(str(difference), evidence_of(difference))
    assert pack == evidence_pack(str(difference), evidence_of(difference))
    files = files_of(pack)
    hashes = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS.txt").decode().splitlines())
    assert hashes == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (record,) = table(files, "records")
    assert f"****{card.pan[-4:]}" in record["record"]
    assert record["sha256"] == hashlib.sha256(wrong.to_json().encode()).hexdigest()
    assert not any(card.pan.encode() in content for content in files.values())
    assert table(files, "batches")[0]["number"] == "B1"
    assert table(files, "terminal")[0]["code"] == field.terminal.code
    assert len(table(files, "keys")) == 1
    readme = files["README.txt"].decode()
    assert "被拒收记录原文" in readme
    assert all(name in readme for name in files if name.endswith(".csv"))


def test_card_numbers_are_masked_in_whatever_was_sent(field: Field, card: Card) -> None:
    records = [
        replace(field.tap(card, 1, 200), tac="00000000"),
        replace(field.tap(card, 2, 200), terminal_no="FFFFFFFFFFFF"),
    ]
    accept_batch(terminal=field.terminal, body=build_txn("C1", records), media_type=MEDIA_TYPE)
    upload(field, "B2", field.tap(card, 3))
    night()
    for difference in Difference.objects.all():
        pack = evidence_pack(str(difference), evidence_of(difference))
        (record,) = table(files_of(pack), "records")
        assert card.pan not in record["record"]
        assert f"****{card.pan[-4:]}" in record["record"]
    assert one("bad_tac").terminal_seq == records[0].terminal_seq
    assert one("bad_tac").theirs_fen == 200


def test_the_evidence_of_a_window_has_both_sides(missing: Difference) -> None:
    files = files_of(evidence_pack(str(missing), evidence_of(missing)))
    assert [table(files, "totals")[0][name] for name in ("records", "total_fen")] == ["2", "500"]
    assert [row["amount_fen"] for row in table(files, "purchases")] == ["200"]
    assert [row["amount_fen"] for row in table(files, "transfers")] == ["200"]
    assert table(files, "counts")[0]["counted"] == "1"
