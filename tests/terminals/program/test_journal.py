"""The journal promises: what `append` returned from is there after any power cut, and nothing half is."""

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from terminals.program import journal as module
from terminals.program.errors import JournalError
from terminals.program.journal import FIRST, Entry, Journal, Position, decode, encode
from tests.terminals.program.powercut import RecordingOs, disks, lay_out

ENTRIES = [{"kind": "tap", "n": number, "place": "东湖→西湖\u2028"} for number in range(4)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of at most 700 bytes, so that few of them fill a segment."""
    monkeypatch.setattr(module, "ENTRY_BYTES", 700)


def segment(folder: Path, number: int = 1) -> Path:
    return folder / f"{number:08}.journal"


def everything(journal: Journal) -> list[Entry]:
    start = Position(journal.segments()[0], 0)
    entries = [entry for _, entry in journal.read(start, journal.end)]
    return [entry for entry in entries if entry["kind"] not in ("first", "checkpoint")]


def write(journal: Journal, entry: Entry) -> None:
    if not journal.has_room(0):
        journal.begin_segment({"kind": "checkpoint"})
    journal.append(entry)


def test_entries_are_there_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "deep") as journal:
        for entry in ENTRIES:
            journal.append(entry)
    with Journal(tmp_path / "deep") as journal:
        assert list(journal.newest()) == [FIRST, *ENTRIES]
        assert everything(journal) == ENTRIES


def test_a_torn_entry_is_lost_alone_wherever_it_is_cut(tmp_path: Path) -> None:
    lines = [encode(entry) for entry in [FIRST, *ENTRIES]]
    whole, folder = b"".join(lines), tmp_path / "journal"
    for cut in range(len(lines[0]), len(whole) + 1):
        folder.mkdir(exist_ok=True)
        segment(folder).write_bytes(whole[:cut] + bytes(10_000))
        complete = sum(cut >= len(b"".join(lines[: number + 2])) for number in range(len(ENTRIES)))
        with Journal(folder) as journal:
            assert everything(journal) == ENTRIES[:complete]
            journal.append({"kind": "next"})
        with Journal(folder) as journal:
            assert everything(journal) == [*ENTRIES[:complete], {"kind": "next"}]


@pytest.mark.parametrize("entry_bytes", [40, 1_100])
def test_a_power_cut_at_any_moment_keeps_every_promise(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry_bytes: int
) -> None:
    """Through the beginning, entries and new segments: synced names and bytes stay, of all others any part."""
    monkeypatch.setattr(module, "ENTRY_BYTES", entry_bytes + 100)
    recorder = RecordingOs()
    monkeypatch.setattr(module, "os", recorder)
    promised: list[tuple[int, Entry]] = []
    with Journal(tmp_path / "journal", segment_bytes=3 * (entry_bytes + 100)) as journal:
        for number in range(5):
            entry = {"kind": "tap", "n": number, "fill": "x" * entry_bytes}
            write(journal, entry)
            promised.append((len(recorder.steps), entry))
    monkeypatch.undo()
    monkeypatch.setattr(module, "ENTRY_BYTES", entry_bytes + 100)
    written = [entry for _, entry in promised]
    states = itertools.count()
    for count, disk in disks(recorder.steps):
        kept = [entry for step, entry in promised if step <= count]
        for state in disk.after_cut(every_byte=entry_bytes < 100):
            folder = tmp_path / f"cut-{next(states)}"
            lay_out(folder, state)
            with Journal(folder) as journal:
                found = everything(journal)
                assert found == written[: len(found)]
                assert len(found) >= len(kept)
                write(journal, {"kind": "tap", "next": True})
            with Journal(folder) as journal:
                assert everything(journal) == [*found, {"kind": "tap", "next": True}]
    assert next(states) > 25


def test_a_cut_while_a_torn_entry_is_wiped_is_none_the_worse(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = {"00000001.journal": encode(FIRST) + encode(ENTRIES[0]) + encode(ENTRIES[1])[:-9] + bytes(3_000)}
    lay_out(tmp_path / "torn", torn)
    recorder = RecordingOs()
    monkeypatch.setattr(module, "os", recorder)
    Journal(tmp_path / "torn").close()
    monkeypatch.undo()
    # The folder's own name, the names in it, and the wiping are certain before anything is written behind them.
    assert [step.what for step in recorder.steps] == ["sync-names", "create", "sync-names", "write", "sync"]
    (wipe,) = [step for step in recorder.steps if step.what == "write"]
    for cut in range(len(wipe.data) + 1):
        content = bytearray(torn["00000001.journal"])
        content[wipe.offset : wipe.offset + cut] = wipe.data[:cut]
        lay_out(tmp_path / f"cut-{cut}", {"00000001.journal": bytes(content)})
        with Journal(tmp_path / f"cut-{cut}") as journal:
            assert everything(journal) == ENTRIES[:1]


def test_damage_a_cut_cannot_explain_is_never_passed_over(tmp_path: Path) -> None:
    lines = [encode(entry) for entry in [FIRST, *ENTRIES]]
    whole = b"".join(lines) + bytes(3_000)
    folder = tmp_path / "journal"
    for at in range(len(b"".join(lines[:3]))):
        lay_out(folder, {"00000001.journal": whole[:at] + b"\xff" + whole[at + 1 :]})
        with pytest.raises(JournalError, match=r"damaged at byte \d+; keep it"):
            Journal(folder)
        assert segment(folder).read_bytes()[:at] == whole[:at]
        segment(folder).unlink()
        (folder / "lock").unlink()
        folder.rmdir()


def test_damage_in_an_older_segment_is_told_when_it_is_read(small: None, tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=1_500) as journal:
        for entry in ENTRIES * 8:
            write(journal, entry)
        assert len(journal.segments()) > 1
        content = bytearray(segment(tmp_path).read_bytes())
        content[len(encode(FIRST)) + 20] ^= 1
        segment(tmp_path).write_bytes(content)
        with pytest.raises(JournalError, match="damaged"):
            everything(journal)


def test_one_program_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(JournalError, match="in use"):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_a_full_disk_stops_a_new_segment_and_nothing_else(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal(tmp_path, segment_bytes=1_500) as journal:
        while journal.has_room(0):
            journal.append(ENTRIES[0])
        before, end = everything(journal), journal.end

        def full(*args: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space left"):
            journal.begin_segment({"kind": "checkpoint"})
        assert (everything(journal), journal.end) == (before, end)
        assert not (tmp_path / "next").exists()
        monkeypatch.undo()
        journal.begin_segment({"kind": "checkpoint"})
        journal.append(ENTRIES[1])
    with Journal(tmp_path) as journal:
        assert everything(journal) == [*before, ENTRIES[1]]


def test_a_full_disk_cannot_come_between_entries_of_a_segment(tmp_path: Path) -> None:
    """The room is taken when the segment begins: its size on the disk does not change any more."""
    with Journal(tmp_path) as journal:
        taken = segment(tmp_path).stat().st_blocks
        for entry in ENTRIES * 50:
            journal.append(entry)
        assert segment(tmp_path).stat().st_blocks == taken
        assert taken * 512 >= module.SEGMENT_BYTES


def test_after_a_device_error_nothing_more_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal(tmp_path) as journal:
        journal.append(ENTRIES[0])

        def fail(descriptor: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input/output"):
            journal.append(ENTRIES[1])
        monkeypatch.undo()
        with pytest.raises(JournalError, match="device failed"):
            journal.append(ENTRIES[2])
    with Journal(tmp_path) as journal:
        assert everything(journal)[0] == ENTRIES[0]
        journal.append(ENTRIES[3])


def test_an_entry_beyond_the_limit_is_a_fault_of_the_program(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal, pytest.raises(ValueError, match="at most"):
        journal.append({"kind": "x" * module.ENTRY_BYTES})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.text(), json_values))
def test_any_entry_is_one_line(entry: dict[str, object]) -> None:
    try:
        line = encode(entry)
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    assert line.count(b"\n") == 1
    assert decode(line) == entry
    assert decode(line[:-1]) is None
