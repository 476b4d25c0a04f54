"""The audit log: a chain that holds over restarts, torn lines, rotation and several writers, and breaks when touched."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from citizencard.core.keyservice.audit import AuditBroken, AuditLog, verify


def fill(folder: Path, count: int, **facts: str) -> None:
    log = AuditLog(folder, rotate_bytes=4000)
    for number in range(count):
        log.append(operation="SEAL", count=number, **facts)
    log.close()


def write_many(folder: Path) -> None:
    fill(folder, 200)


def lines(folder: Path) -> list[dict[str, object]]:
    paths = [*sorted(folder.glob("audit-*.jsonl")), folder / "audit.jsonl"]
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_lines_are_numbered_and_chained(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append(operation="SEAL", role="web")
    log.append(operation="OPEN", role="worker")
    first, second = lines(tmp_path)
    assert (first["number"], first["operation"], first["role"]) == (1, "SEAL", "web")
    assert str(second["at"]).endswith("+08:00")
    head = verify(tmp_path)
    assert (head.lines, head.hash) == (2, second["hash"])
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_restart_continues_the_chain(tmp_path: Path) -> None:
    for _ in range(3):
        fill(tmp_path, 2)
    assert verify(tmp_path).lines == 6


def test_rotation_keeps_the_chain_and_nothing_is_lost(tmp_path: Path) -> None:
    fill(tmp_path, 100)
    fill(tmp_path, 1)
    rotated = sorted(tmp_path.glob("audit-*.jsonl"))
    assert len(rotated) > 2
    assert all(path.stat().st_size < 4400 for path in rotated)
    assert verify(tmp_path).lines == 101
    assert [line["number"] for line in lines(tmp_path)] == list(range(1, 102))


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(write_many, [tmp_path] * 3)
    assert verify(tmp_path).lines == 600


@pytest.mark.parametrize("lost", [1, 5, 60, 150])
def test_a_torn_last_line_is_cut_off_and_told(tmp_path: Path, lost: int) -> None:
    fill(tmp_path, 3)
    path = tmp_path / "audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    with pytest.raises(AuditBroken, match=r"audit\.jsonl, line 3: the line is torn"):
        verify(tmp_path)
    fill(tmp_path, 1)
    assert [line["operation"] for line in lines(tmp_path)] == ["SEAL", "SEAL", "AUDIT_REPAIRED", "SEAL"]
    assert verify(tmp_path).lines == 4


def test_a_torn_only_line(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_bytes(b'{"number":1,')
    fill(tmp_path, 1)
    assert [line["operation"] for line in lines(tmp_path)] == ["AUDIT_REPAIRED", "SEAL"]
    assert verify(tmp_path).lines == 2


def broken_by(folder: Path, change: object) -> str:
    path = folder / "audit.jsonl"
    kept = path.read_bytes().splitlines(keepends=True)
    assert callable(change)
    path.write_bytes(b"".join(change(kept)))
    with pytest.raises(AuditBroken) as caught:
        verify(folder)
    return str(caught.value)


def test_every_way_of_touching_it_is_found_at_its_place(tmp_path: Path) -> None:
    for number, change in enumerate(
        [
            lambda kept: [kept[0], kept[1].replace(b"SEAL", b"OPEN"), *kept[2:]],
            lambda kept: [kept[0], *kept[2:]],
            lambda kept: [kept[0], kept[0], *kept[1:]],
            lambda kept: [kept[0], kept[2], kept[1], *kept[3:]],
            lambda kept: [kept[0], b"\n", *kept[1:]],
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        fill(folder, 5)
        assert "audit.jsonl, line 2" in broken_by(folder, change)


def test_no_byte_of_a_line_can_be_changed(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    path = tmp_path / "audit.jsonl"
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(AuditBroken):
            verify(tmp_path)


def test_a_rotated_file_that_is_gone_breaks_the_chain(tmp_path: Path) -> None:
    fill(tmp_path, 100)
    sorted(tmp_path.glob("audit-*.jsonl"))[1].unlink()
    with pytest.raises(AuditBroken, match="line 1"):
        verify(tmp_path)


def test_no_log_at_all_is_no_proof(tmp_path: Path) -> None:
    with pytest.raises(AuditBroken, match="no audit log"):
        verify(tmp_path)


def test_a_file_that_is_no_audit_log_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_text("hello\n")
    with pytest.raises(AuditBroken, match="last line"):
        fill(tmp_path, 1)
