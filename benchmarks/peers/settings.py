"""Django as the peers' documentation sets it up, in a database of their own; nothing of ours."""

from __future__ import annotations

import json
import os

SECRET_KEY = "benchmark"  # noqa: S105  nothing is served
DATABASES = {
    "default": {"ENGINE": "django.db.backends.postgresql", **json.loads(os.environ["PEER_DATABASE"])}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
INSTALLED_APPS = {
    "hordak": ["django.contrib.auth", "django.contrib.contenttypes", "mptt", "hordak"],
    "pair": ["pair"],
}[os.environ["PEER"]]
HORDAK_INTERNAL_CURRENCY = DEFAULT_CURRENCY = "CNY"
HORDAK_CURRENCIES = CURRENCIES = ["CNY"]
HORDAK_DECIMAL_PLACES, HORDAK_MAX_DIGITS = 2, 13
