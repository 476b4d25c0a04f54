"""PostgreSQL refuses to run as root: find a way to run it as somebody else, without creating users or opening folders."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from citizencard.embedded.errors import EmbeddedPostgresError

NOBODY = 65534


@dataclass(frozen=True)
class Runner:
    """How to run the server: words put before each command, and the user id its files must belong to."""

    prefix: tuple[str, ...]
    uid: int
    gid: int

    def check_reach(self, path: Path) -> None:
        """Refuse a ``path`` that belongs to somebody else and cannot be taken over; root can."""
        owner = path.lstat().st_uid if path.exists() else self.uid
        if owner != self.uid and os.geteuid() != 0:
            raise EmbeddedPostgresError(
                f"{path} belongs to another user (uid {owner}): start as that user, or set CITIZENCARD_STATE to a"
                " folder of your own."
            )

    def own(self, path: Path) -> None:
        """Give ``path`` and everything below it to the server's user, unless it is already theirs."""
        if path.lstat().st_uid == self.uid:
            return
        for folder, _, names in os.walk(path):
            for entry in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(entry, self.uid, self.gid, follow_symlinks=False)


def _dropped_identity() -> Runner:
    # dac_override: the wheel and the data may lie in a folder only root may enter, such as /root.
    words = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    caps = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--")
    return Runner((*words, *caps), NOBODY, NOBODY)


def _user_namespace() -> Runner:
    # Outside, the files stay root's. Inside, root is `nobody`, which exists everywhere: initdb looks its user up.
    return Runner(("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"), 0, 0)


def _works(runner: Runner, program: str) -> bool:
    try:
        trial = subprocess.run([*runner.prefix, program, "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return trial.returncode == 0


def choose_runner(program: str) -> Runner:
    """Return the first way to run ``program`` (the ``postgres`` binary) as an ordinary user that works here.

    Raises :class:`EmbeddedPostgresError` when root can neither change its identity nor open a user namespace.
    """
    if os.geteuid() != 0:
        return Runner((), os.geteuid(), os.getegid())
    for runner in (_dropped_identity(), _user_namespace()):
        if _works(runner, program):
            return runner
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root and this system lets root become nobody else:"
        " start as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
    )
