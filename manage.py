#!/usr/bin/env python3
"""Command line of the citizen-card system: `./manage.py help` lists what it can do."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run one management command; without DATABASE_URL it works on the embedded PostgreSQL."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citizencard.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
