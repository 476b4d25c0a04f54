#!/usr/bin/env python3
"""Command line of the citizen-card system: `./manage.py help` lists what it can do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from citizencard.embedded.session import services_for


def main() -> None:
    """Run one management command; without DATABASE_URL it works on the embedded PostgreSQL of the state directory."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citizencard.settings")
    state = os.environ.get("CITIZENCARD_STATE") or Path(__file__).resolve().parent / "var"
    with services_for(sys.argv, Path(state)):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
