from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from citizencard.embedded.filelock import LockHeld, file_lock


def test_a_held_lock_names_its_holder(tmp_path: Path) -> None:
    with file_lock(tmp_path / "lock"), pytest.raises(LockHeld) as held, file_lock(tmp_path / "lock"):
        pass
    assert held.value.pid == os.getpid()


def test_a_lock_ends_with_its_body(tmp_path: Path) -> None:
    for _ in range(2):
        with file_lock(tmp_path / "lock"):
            pass


def test_a_lock_ends_with_a_killed_holder(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from citizencard.embedded.filelock import file_lock\n"
        "with file_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LockHeld) as held, file_lock(tmp_path / "lock"):
            pass
        assert held.value.pid == holder.pid
        holder.kill()
    with file_lock(tmp_path / "lock"):
        pass


def test_waiting_gives_up_after_its_time(tmp_path: Path) -> None:
    began = time.monotonic()
    with file_lock(tmp_path / "lock"), pytest.raises(LockHeld), file_lock(tmp_path / "lock", 0.3):
        pass
    assert 0.3 <= time.monotonic() - began < 3


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic"), file_lock(tmp_path / "lock"):
        pass
    assert (tmp_path / "precious").read_text() == "kept"
