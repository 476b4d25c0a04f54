"""Break things, look what is lost, and the same with a protection taken away; 1 when a figure is not as it must be."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from importlib import import_module
from pathlib import Path
from time import perf_counter

from benchmarks.house import state_directory

PARTS = ("matrix", "files", "database", "web", "night")
IN_MEMORY = Path("/dev/shm")  # noqa: S108 -- a private folder is made in it
"""A kill takes what is in the memory of processes. What the kernel has it keeps, so that no disk is needed, or worn."""


def main() -> int:
    """As the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"what to break: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--full", action="store_true", help="the size of a release, not that of every run")
    options = parser.parse_args()
    if unknown := set(options.part) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if IN_MEMORY.is_dir():
        os.environ["TMPDIR"] = str(IN_MEMORY)
    with state_directory() as state:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "citizencard.settings", "CELERY_BROKER_URL": "memory://"}
        import django

        django.setup()
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)  # dying is what is wanted here
        from tests.chaos.house import running_house

        passed = True
        with running_house(state) as house:
            for part in options.part or PARTS:
                began = perf_counter()
                for pair in import_module(f"tests.chaos.{part}").run(house, full=options.full):
                    passed &= pair.passed
                    print(pair, flush=True)
                print(f"  ({part}: {perf_counter() - began:.0f} s)", flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
