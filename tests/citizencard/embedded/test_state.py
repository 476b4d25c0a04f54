from __future__ import annotations

import os
from pathlib import Path

import pytest

from citizencard.embedded.errors import AlreadyRunning, EmbeddedError, EmbeddedPostgresError
from citizencard.embedded.privileges import Runner
from citizencard.embedded.state import exclusive, start_over


def test_a_state_directory_is_private(tmp_path: Path) -> None:
    with exclusive(tmp_path / "var"):
        assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


def test_two_cannot_have_it(tmp_path: Path) -> None:
    refusal = rf"already running on {tmp_path} \(pid {os.getpid()}\): stop it first"
    with exclusive(tmp_path), pytest.raises(AlreadyRunning, match=refusal), exclusive(tmp_path):
        pass


def test_somebody_elses_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may enter everywhere, so what the kernel answers an ordinary user is said in its place.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    refusal = rf"{tmp_path} belongs to another user.*CITIZENCARD_STATE"
    with pytest.raises(EmbeddedError, match=refusal), exclusive(tmp_path):
        pass


def test_starting_over_removes_everything(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        pass
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6")
    (tmp_path / "postgres.log").touch()
    (tmp_path / "elsewhere").symlink_to(Path(__file__).parent)
    start_over(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]
    assert Path(__file__).exists()


def test_starting_over_is_refused_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with exclusive(tmp_path), pytest.raises(AlreadyRunning):
        start_over(tmp_path)
    assert (tmp_path / "postgres").exists()


def test_a_folder_that_never_was_a_city_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    start_over(tmp_path)
    start_over(tmp_path / "absent")
    assert (tmp_path / "thesis.tex").exists()


def test_data_of_another_user_is_refused_unless_root_takes_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Runner((), tmp_path.stat().st_uid + 1, 0)
    monkeypatch.setattr("os.geteuid", lambda: stranger.uid)
    with pytest.raises(EmbeddedPostgresError, match=r"belongs to another user \(uid \d+\)"):
        stranger.check_reach(tmp_path)
    stranger.check_reach(tmp_path / "absent")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    stranger.check_reach(tmp_path)
