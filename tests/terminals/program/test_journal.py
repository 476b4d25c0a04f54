"""The journal promises: what `append` returned from is there after any power cut, and nothing half is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.program.errors import JournalError
from terminals.program.journal import Journal, decode, encode

ENTRIES = [{"kind": "tap", "n": number, "place": "东湖→西湖\u2028"} for number in range(4)]


def test_entries_are_there_again(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "journal"
    with Journal(file) as journal:
        for entry in ENTRIES:
            journal.append(entry)
    with Journal(file) as journal:
        assert journal.entries == ENTRIES


def test_a_power_cut_at_any_byte_loses_the_torn_entry_only(tmp_path: Path) -> None:
    lines = [encode(entry) for entry in ENTRIES]
    whole = b"".join(lines)
    for cut in range(len(whole) + 1):
        file = tmp_path / "journal"
        file.write_bytes(whole[:cut])
        complete = sum(cut >= len(b"".join(lines[: number + 1])) for number in range(len(lines)))
        with Journal(file) as journal:
            assert journal.entries == ENTRIES[:complete]
            journal.append({"kind": "next"})
        with Journal(file) as journal:
            assert journal.entries == [*ENTRIES[:complete], {"kind": "next"}]


def test_damage_before_the_end_is_never_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    whole = b"".join(encode(entry) for entry in ENTRIES)
    file.write_bytes(whole[:20] + b"X" + whole[21:])
    with pytest.raises(JournalError, match="damaged at byte 0"):
        Journal(file)
    assert file.stat().st_size == len(whole)


def test_one_program_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal"), pytest.raises(JournalError, match="in use"):
        Journal(tmp_path / "journal")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), json_values))
def test_any_entry_is_one_line(entry: dict[str, object]) -> None:
    try:
        line = encode(entry)
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    assert line.count(b"\n") == 1
    assert decode(line) == entry
