"""Retention in the background."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from citizencard.privacy.services.retention import apply_retention as apply


@shared_task(name="privacy.apply_retention")
def apply_retention() -> dict[str, int]:
    """Remove what is over its time; every night, and what was cut off goes on the next one."""
    return apply(now=timezone.now())
