"""Where the embedded services of a state directory listen, worked out without starting anything."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote


class EmbeddedUrls(NamedTuple):
    """Addresses of one state directory's embedded services."""

    socket_dir: Path
    database: str
    database_owner: str
    key_service: str
    bridge: str


def embedded_urls(state_dir: Path) -> EmbeddedUrls:
    """The private socket folder of a state directory, its DATABASE_URL and DATABASE_OWNER_URL, the sockets of key service
    and card bridge.

    A socket path may have 107 bytes, so the folder is a short one under the temporary directory, named after user and
    state directory; whoever starts the services creates it with mode 0700.
    """
    digest = hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:10]
    folder = Path(tempfile.gettempdir()) / f"citizencard-{os.getuid()}-{digest}"
    app, owner = (
        f"postgres://{role}@/citizencard?host={quote(str(folder), safe='')}&port=5432"
        for role in ("citizencard_app", "citizencard")
    )
    return EmbeddedUrls(folder, app, owner, str(folder / "keys.sock"), str(folder / "bridge.sock"))
