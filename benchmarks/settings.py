"""The project's settings and one more address: a bare view to compare with."""

from __future__ import annotations

from citizencard.settings import *  # noqa: F403  everything as it is

ROOT_URLCONF = "benchmarks.urls"
