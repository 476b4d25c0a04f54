"""The Celery application: `celery -A citizencard worker|beat`."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from citizencard.embedded.lifeline import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citizencard.settings")
app = Celery("citizencard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def end_with_the_worker(**kwargs: Any) -> None:
    """A pool process must not outlive a killed worker: its task would run twice at once after redelivery."""
    die_with_parent()
