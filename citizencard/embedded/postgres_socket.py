"""Where the embedded server of a data directory listens: the private socket folder of its state directory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from citizencard.core.environment import embedded_urls
from citizencard.embedded.errors import EmbeddedPostgresError

SUPERUSER = "citizencard"
PORT = "5432"
"""Part of the socket's file name only; nothing listens on TCP."""

SOCKET_PATH_BYTES_MAX = 107
"""``sun_path`` of ``unix(7)``, less the final zero byte."""


def socket_folder(data_dir: Path) -> Path:
    """Return the socket folder of the server over ``data_dir``, which lies in the state directory."""
    return embedded_urls(data_dir.parent).socket_dir


def embedded_url(data_dir: Path) -> str:
    """Return the owner's URL of the embedded server over ``data_dir``, whether it runs or not."""
    return embedded_urls(data_dir.parent).database_owner


def private_folder(path: Path) -> None:
    """Create ``path`` for the current user alone (0700); refuse a folder or link somebody else has put there."""
    if len(os.fsencode(path / f".s.PGSQL.{PORT}.lock")) > SOCKET_PATH_BYTES_MAX:
        raise EmbeddedPostgresError(f"{path} is too long a path for a socket: set TMPDIR to a shorter one.")
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise EmbeddedPostgresError(
            f"{path} belongs to somebody else: remove it, or set TMPDIR to a folder of your own."
        )
    path.chmod(0o700)
