"""The project's settings, and one more address and one more task: work that needs every kind of key."""

from __future__ import annotations

from citizencard.settings import *  # noqa: F403  everything as it is

ROOT_URLCONF = "tests.citizencard.core.keyservice.house"
CELERY_IMPORTS = ["tests.citizencard.core.keyservice.house"]
