"""The PC/SC daemon with its virtual readers (vpcd): use the one that runs, or run one for as long as it is needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from citizencard.embedded.errors import PcscUnavailable
from citizencard.embedded.filelock import LockHeld, file_lock
from citizencard.embedded.ports import is_listening

__all__ = ["VPCD_PORT", "PcscUnavailable", "running_pcscd"]

VPCD_PORT = 35963
"""vpcd's first slot; further slots follow (vsmartcard, virtualsmartcard/src/vpcd)."""

DAEMON_SOCKET = Path("/run/pcscd/pcscd.comm")
START_SECONDS_MAX = 10
HELD_BY = "CITIZENCARD_PCSC_HELD_BY"

# The daemon runs as root, so its starter may not be allowed to signal it (sudo). The pipe is the leash: when it
# closes, by intent or because the starter was killed, the shell stops the daemon.
LEASH = '"$0" --foreground & daemon=$!; read -r _; kill "$daemon"; wait "$daemon"'


@contextlib.contextmanager
def running_pcscd(wait_seconds: float = 60) -> Iterator[None]:
    """Run the body while pcscd serves the virtual readers, alone among the programs of this project.

    The two virtual slots hold one card each, so a second program waits up to ``wait_seconds`` for the first to finish;
    child processes of the holder share its turn. No daemon started here outlives the body, nor this process.
    Raises :class:`PcscUnavailable` with the reason.
    """
    if HELD_BY in os.environ:
        yield
        return
    try:
        with file_lock(Path(tempfile.gettempdir()) / "citizencard-pcsc.lock", wait_seconds), _daemon():
            _check_access()
            os.environ[HELD_BY] = str(os.getpid())
            try:
                yield
            finally:
                del os.environ[HELD_BY]
    except LockHeld as held:
        raise PcscUnavailable(f"another program (pid {held.pid}) is using the virtual readers") from None


@contextlib.contextmanager
def _daemon() -> Iterator[None]:
    if is_listening(VPCD_PORT):
        yield
        return
    if _answers(DAEMON_SOCKET):
        # Socket activation: the connection above has woken the system's own daemon.
        if not _wait_for_readers():
            raise PcscUnavailable(
                "pcscd runs without virtual readers: install vsmartcard-vpcd and restart pcscd"
            )
        yield
        return
    command = _start_command()
    with tempfile.TemporaryFile() as log, _leashed(command, log):
        if not _wait_for_readers():
            raise PcscUnavailable(
                f"pcscd does not open the virtual readers ({_last_line(log) or 'no reason given'})"
            )
        yield


def _start_command() -> list[str]:
    program = shutil.which("pcscd") or shutil.which("pcscd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise PcscUnavailable("pcscd is not installed (Debian packages pcscd and vsmartcard-vpcd)")
    command = ["sh", "-c", LEASH, program]
    if os.geteuid() == 0:
        return command
    sudo = shutil.which("sudo")
    if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode != 0:
        raise PcscUnavailable("pcscd does not run, and starting it needs root or sudo without a password")
    return [sudo, "-n", *command]


@contextlib.contextmanager
def _leashed(command: list[str], log: IO[bytes]) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        yield
    finally:
        process.communicate()  # closes the pipe and waits


def _wait_for_readers() -> bool:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if is_listening(VPCD_PORT):
            return True
        time.sleep(0.02)
    return False


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _check_access() -> None:
    """Open and close a PC/SC context: polkit may refuse an ordinary user the daemon."""
    try:
        from smartcard import scard
    except ImportError:
        raise PcscUnavailable("pyscard is not installed") from None
    deadline = time.monotonic() + START_SECONDS_MAX
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    while result == scard.SCARD_E_NO_SERVICE and time.monotonic() < deadline:
        time.sleep(0.02)
        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if result != scard.SCARD_S_SUCCESS:
        raise PcscUnavailable(f"pcscd refuses this user: {scard.SCardGetErrorMessage(result).strip()}")
    scard.SCardReleaseContext(context)


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
