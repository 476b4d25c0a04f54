"""`python -m tests.browser.guide`: the pictures of docs/clerk-guide.zh-CN.md, taken anew while the clerk's day is played."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"

if __name__ == "__main__":
    os.environ["GUIDE"] = str(IMAGES)
    sys.exit(pytest.main(["-q", "-p", "no:xdist", str(Path(__file__).with_name("test_clerk_day.py"))]))
