"""SoftHSM tokens for tests, each run in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
MISSING = "needs SoftHSM (Debian: softhsm2)"
PIN = "20261121"


@contextmanager
def softhsm(folder: Path, *labels: str) -> Iterator[Path]:
    """Empty tokens with these labels and `PIN`, seen by whoever loads `MODULE` meanwhile; their folder."""
    tokens = folder / "tokens"
    tokens.mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    try:
        for label in labels:
            words = ["--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", PIN]
            subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)  # noqa: S607 -- from the PATH
        yield tokens
    finally:
        del os.environ["SOFTHSM2_CONF"]
        if before is not None:
            os.environ["SOFTHSM2_CONF"] = before
