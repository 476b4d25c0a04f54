"""Everything that has to happen by itself is sent by beat."""

from __future__ import annotations

from celery.schedules import crontab

import accounts.tasks
import citizencard.core.tasks
import citizencard.privacy.tasks  # noqa: F401  as well
import settlement.tasks  # noqa: F401  as well
import terminals.tasks  # noqa: F401  as well
from citizencard.celery import app

OURS = {"accounts", "core", "privacy", "settlement", "terminals"}
ON_DEMAND = {"settlement.clear_day"}
"""Sent by other tasks and by people."""


def test_every_task_of_ours_is_sent_by_beat() -> None:
    ours = {name for name in app.tasks if name.split(".")[0] in OURS}
    sent = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert accounts.tasks.repair_topups.name in ours
    assert ours - ON_DEMAND == sent


def test_what_comes_every_minute_does_not_pile_up() -> None:
    for entry in app.conf.beat_schedule.values():
        if entry["schedule"] == crontab():
            assert entry["options"]["expires"] <= 60
