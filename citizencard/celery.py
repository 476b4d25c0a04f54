"""The Celery application: `celery -A citizencard worker|beat`."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citizencard.settings")
app = Celery("citizencard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
