from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from citizencard.embedded import pcscd
from citizencard.embedded.filelock import file_lock
from citizencard.embedded.pcscd import VPCD_PORT, PcscUnavailable, running_pcscd
from citizencard.embedded.ports import is_listening

pytestmark = pytest.mark.pcsc
INSTALLED = (shutil.which("pcscd") or Path("/usr/sbin/pcscd").exists()) and Path(
    "/etc/reader.conf.d/vpcd"
).exists()


def children() -> set[str]:
    """The child processes of this one, whichever thread has started them."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for children in lists for pid in children.read_text().split()}


@pytest.fixture
def own_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A lock of this test's own, as if no other program of the project knew of the readers."""
    monkeypatch.delenv(pcscd.HELD_BY, raising=False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))


@pytest.mark.skipif(not INSTALLED, reason="pcscd or vsmartcard-vpcd is not installed")
def test_the_virtual_readers_are_there_and_nothing_stays() -> None:
    before = children()
    with running_pcscd():
        from smartcard.System import readers

        assert [str(reader) for reader in readers() if "Virtual PCD" in str(reader)]
        with running_pcscd(wait_seconds=0):
            assert is_listening(VPCD_PORT)
        assert is_listening(VPCD_PORT)
    assert children() == before


@pytest.mark.usefixtures("own_turn")
def test_another_program_is_waited_for_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock = tmp_path / "citizencard-pcsc.lock"
    holder = rf"pid {os.getpid()}\b"
    with file_lock(lock), pytest.raises(PcscUnavailable, match=holder), running_pcscd(wait_seconds=0.1):
        pass


@pytest.mark.usefixtures("own_turn")
def test_without_the_daemon_the_reason_names_the_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pcscd, "is_listening", lambda port: False)
    monkeypatch.setattr(pcscd, "DAEMON_SOCKET", tmp_path / "absent")
    monkeypatch.setattr("shutil.which", lambda *args, **options: None)
    with pytest.raises(PcscUnavailable) as unavailable, running_pcscd():
        pass
    assert "vsmartcard-vpcd" in unavailable.value.reason


@pytest.mark.usefixtures("own_turn")
def test_a_daemon_without_virtual_readers_is_stopped_and_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "pcscd"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\necho cannot open bus\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(pcscd, "is_listening", lambda port: False)
    monkeypatch.setattr(pcscd, "DAEMON_SOCKET", tmp_path / "absent")
    monkeypatch.setattr(pcscd, "START_SECONDS_MAX", 0.5)
    monkeypatch.setattr(pcscd, "_start_command", lambda: ["sh", "-c", pcscd.LEASH, str(program)])
    with pytest.raises(PcscUnavailable, match="cannot open bus"), running_pcscd():
        pass
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
