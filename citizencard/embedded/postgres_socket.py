"""Where the embedded server of a data directory listens: a short private folder derived from the directory's path."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from citizencard.embedded.errors import EmbeddedPostgresError

SUPERUSER = "citizencard"
PORT = "5432"
"""Part of the socket's file name only; nothing listens on TCP."""

SOCKET_PATH_BYTES_MAX = 107
"""``sun_path`` of ``unix(7)``, less the final zero byte."""


def socket_folder(data_dir: Path) -> Path:
    """Return the socket folder of ``data_dir``: under the temporary directory, since project paths may be too long."""
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
    name = f"citizencard-{os.geteuid()}-{digest}"
    folder = Path(tempfile.gettempdir()) / name
    fits = len(os.fsencode(folder / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_BYTES_MAX
    return folder if fits else Path("/tmp") / name


def embedded_url(data_dir: Path) -> str:
    """Return the ``DATABASE_URL`` of the embedded server over ``data_dir``, whether it runs or not.

    The socket folder stands in the query part, which libpq and django-environ both understand.
    """
    return f"postgresql://{SUPERUSER}@/{SUPERUSER}?host={quote(str(socket_folder(data_dir)), safe='/')}&port={PORT}"


def private_folder(path: Path) -> None:
    """Create ``path`` for the current user alone (0700); refuse a folder or link somebody else has put there."""
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise EmbeddedPostgresError(
            f"{path} belongs to somebody else: remove it, or set TMPDIR to a folder of your own."
        )
    path.chmod(0o700)
