"""`python -m tests.fuzz.child TARGET FOLDER [libFuzzer options]`: fuzz one target; atheris takes this process over."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

OWN_PACKAGES = ["terminals", "citizencard", "tests"]


def main() -> None:
    """Write the seeds into FOLDER and fuzz until the options end it."""
    name, folder, *options = sys.argv[1:]
    # What a target leaves on disk goes with the folder: nothing of ours runs any more when libFuzzer ends the process.
    tempfile.tempdir = str(Path(folder).parent)
    with atheris.instrument_imports(include=OWN_PACKAGES):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    for number, seed in enumerate(target.seeds()):
        Path(folder, f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *options, folder], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
