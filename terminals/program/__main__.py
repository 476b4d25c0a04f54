"""Run the terminal program."""

from __future__ import annotations

import sys

from terminals.program.cli import main

sys.exit(main())
