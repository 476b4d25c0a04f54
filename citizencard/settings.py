"""Django settings: nothing need be configured for the demo; production takes everything from the environment.

`CITIZENCARD_ENV` is `demo` (default) or `production`. Production refuses to start with a default secret, `DEBUG`, demo
keys or without its own database: see `citizencard.core.checks`.
"""

from __future__ import annotations

from pathlib import Path

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from citizencard.core.environment import embedded_urls
from citizencard.embedded.broker import TASK_SECONDS_MAX, transport_options
from citizencard.office.theme import UNFOLD as UNFOLD  # the admin theme's settings

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(environ.Env().str("CITIZENCARD_STATE", default=str(BASE_DIR / "var")))
env = environ.Env()

ENVIRONMENT = env.str("CITIZENCARD_ENV", default="demo")
PRODUCTION = ENVIRONMENT == "production"
DEMO_SECRET = "demo-only-not-a-secret"  # noqa: S105  public on purpose; production refuses it
SECRET_KEY = env.str("SECRET_KEY", default=DEMO_SECRET)
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "django_fsm",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "citizencard.core",
    "accounts",
    "terminals",
    "settlement",
    "citizencard.portal",
    "citizencard.office",
    "citizencard.bridge",
    "citizencard.staff",
    "citizencard.privacy",
    "citizencard",
]

MIDDLEWARE = [
    "citizencard.proxy.CallersAddress",
    "citizencard.proxy.AuditedAddress",
    "django.middleware.security.SecurityMiddleware",
    "terminals.api.at_once.PurchasesAtOnce",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "citizencard.portal.problems.ProblemPages",
]

ROOT_URLCONF = "citizencard.urls"
WSGI_APPLICATION = "citizencard.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Without DATABASE_URL the embedded PostgreSQL of the state directory is meant; `serve`, `demo` and manage.py start it.
_EMBEDDED = embedded_urls(STATE_DIR)
DATABASES = {"default": env.db_url("DATABASE_URL", default=_EMBEDDED.database)}
DATABASES["default"].setdefault("OPTIONS", {}).update(
    {
        "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL", default=10), "timeout": 10},
        # For `citizencard.core.prepared`; behind a pooler that shares connections between transactions set 0.
        "prepare_threshold": env.int("DATABASE_PREPARE_AFTER", default=5) or None,
    }
)
DATABASE_CONFIGURED = "DATABASE_URL" in environ.Env.ENVIRON
# Who owns the tables: for `migrate` and `grant_roles` alone. None: the role of DATABASE_URL does that too.
_owner_url = env.str("DATABASE_OWNER_URL", default="" if DATABASE_CONFIGURED else _EMBEDDED.database_owner)
DATABASE_OWNER = environ.Env.db_url_config(_owner_url) if _owner_url else None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [
    ("zh-hans", _("Simplified Chinese")),
    ("zh-hant", _("Traditional Chinese")),
    ("en", _("English")),
]
LOCALE_PATHS = [BASE_DIR / "citizencard" / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

AUTH_PASSWORD_VALIDATORS = [
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in (
            "UserAttributeSimilarityValidator",
            "MinimumLengthValidator",
            "CommonPasswordValidator",
            "NumericPasswordValidator",
        )
    ),
    {"NAME": "citizencard.staff.validators.LongForStaff"},
]
LOGIN_URL = reverse_lazy("portal:login")
LOGIN_REDIRECT_URL = reverse_lazy("portal:home")
LOGOUT_REDIRECT_URL = reverse_lazy("portal:login")

STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = STATE_DIR / "media"

SESSION_COOKIE_AGE = 30 * 60
SESSION_SAVE_EVERY_REQUEST = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": (),
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# Staff. In production nobody works without a second factor; in the demo, who has one is asked for it.
STAFF_SECOND_FACTOR = PRODUCTION or env.bool("STAFF_SECOND_FACTOR", default=False)
STAFF_IDLE_MINUTES = env.int("STAFF_IDLE_MINUTES", default=15)
STAFF_SESSION_HOURS = env.int("STAFF_SESSION_HOURS", default=10)
# How long a second factor is good for acts; then it is asked for again.
STAFF_FACTOR_MINUTES = env.int("STAFF_FACTOR_MINUTES", default=30)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["terminals.api.authentication.TerminalSignature"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "citizencard.core.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "citizencard",
    "DESCRIPTION": "The terminal API of the citizen-card system.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Fields of one name with other values.
    "ENUM_NAME_OVERRIDES": {
        "TerminalStateEnum": ["active", "suspended"],
        "CardStateEnum": ["open", "listed", "not_active"],
        "OrderStateEnum": ["paid", "loaded", "confirmed", "reversed"],
        "TapResultEnum": ["accepted", "suspended", "duplicate", "rejected"],
        "ReturnResultEnum": ["reversed", "refunded"],
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}
# Everything goes to standard error, where the supervisor keeps it; Django alone would be silent about a 500.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {app: {"level": "INFO"} for app in ("citizencard", "accounts", "terminals", "settlement")}
    # It warns that pgmq:// names no host, which is as it should be: the broker is the database.
    | {"kombu.connection": {"level": "ERROR"}},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024

# Celery: tasks carry ids only and are idempotent in the database; see docs/decisions.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="pgmq://")
CELERY_BROKER_TRANSPORT_OPTIONS = transport_options(CELERY_BROKER_URL, DATABASES["default"])
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = TASK_SECONDS_MAX
CELERY_TASK_SOFT_TIME_LIMIT = TASK_SECONDS_MAX - 60
CELERY_TASK_DEFAULT_QUEUE = "citizencard"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
# Over pgmq the reply queue's name is too long for its 47 characters, and a worker with it would not start.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TIMEZONE = TIME_ZONE
# What comes every minute is not worth doing late: a worker that was away finds one of each, not a heap.
_EVERY_MINUTE = {"schedule": crontab(), "options": {"expires": 60}}
CELERY_BEAT_SCHEDULE = {
    "repair-topups": {"task": "accounts.repair_topups", **_EVERY_MINUTE},
    "send-gateway-refunds": {"task": "accounts.send_gateway_refunds", **_EVERY_MINUTE},
    "run-issue-batches": {"task": "accounts.run_issue_batches", **_EVERY_MINUTE},
    "advance-refunds": {"task": "accounts.advance_refunds", **_EVERY_MINUTE},
    "expire-holds": {"task": "accounts.expire_holds", **_EVERY_MINUTE},
    "collect-mandates": {"task": "accounts.collect_mandates", **_EVERY_MINUTE},
    "list-unusable-cards": {"task": "terminals.list_unusable", **_EVERY_MINUTE},
    "lapse-losses": {"task": "terminals.lapse_losses", **_EVERY_MINUTE},
    "publish-hot-list": {"task": "terminals.publish_hot_list", **_EVERY_MINUTE},
    "settle-hot-listed": {"task": "terminals.settle_hot_listed", **_EVERY_MINUTE},
    "settle-greys": {"task": "terminals.settle_greys", **_EVERY_MINUTE},
    "expire-passes": {"task": "accounts.expire_passes", "schedule": crontab(hour=0, minute=10)},
    "apply-products": {"task": "accounts.apply_products", "schedule": crontab(hour=0, minute=1)},
    "move-replaced": {"task": "accounts.move_replaced", "schedule": crontab(minute=40)},
    "review-wards": {"task": "accounts.review_wards", "schedule": crontab(hour=6, minute=0)},
    "remind-holders": {"task": "accounts.remind_holders", "schedule": crontab(hour=8, minute=0)},
    "settle-held": {"task": "terminals.settle_held", "schedule": crontab(hour=0, minute=20)},
    "settle-disputes": {"task": "settlement.settle_disputes", "schedule": crontab(hour=0, minute=25)},
    # Every hour until noon: the cut-off may be later than midnight, and what is cleared is not due again.
    "clear-business-day": {
        "task": "settlement.clear_due_days",
        "schedule": crontab(hour="0-12", minute=30),
    },
    "watch-clearing": {"task": "settlement.watch_clearing", **_EVERY_MINUTE},
    "prove-days": {"task": "settlement.prove_due_days", "schedule": crontab(minute=45)},
    "reconcile-days": {"task": "settlement.reconcile_due_days", "schedule": crontab(minute=50)},
    "make-payouts": {"task": "settlement.make_payouts", "schedule": crontab(hour=1, minute=0)},
    "price-fares": {"task": "terminals.price_fares", "schedule": crontab(hour=1, minute=30)},
    "run-risk": {"task": "terminals.run_risk", "schedule": crontab(hour=1, minute=30)},
    "apply-retention": {"task": "privacy.apply_retention", "schedule": crontab(hour=3, minute=30)},
    "sign-audit-heads": {"task": "core.sign_audit_heads", "schedule": crontab(minute=5)},
    "match-topups": {"task": "accounts.match_topups", "schedule": crontab(hour=2, minute=0)},
}

# The city.
KEY_SERVICE_SOCKET = env.str("KEY_SERVICE_SOCKET", default=_EMBEDDED.key_service)
KEY_SERVICE_ROLE = env.str("KEY_SERVICE_ROLE", default="web")
# The card bridge: where agents connect (in production wss:// behind the proxy), the only origin they come from, and the
# hub's socket for this machine's own processes.
BRIDGE_URL = env.str("BRIDGE_URL", default="ws://127.0.0.1:8002/bridge")
PORTAL_URL = BRIDGE_ORIGIN = env.str("PORTAL_URL", default="http://127.0.0.1:8000")
BRIDGE_SOCKET = env.str("BRIDGE_SOCKET", default=_EMBEDDED.bridge)
ISSUER_CODE = env.str("ISSUER_CODE", default="3970")
COUNTER_TERMINAL_NO = env.str("COUNTER_TERMINAL_NO", default=f"{ISSUER_CODE}00000001")
GATEWAY_URL = env.str("GATEWAY_URL", default="http://127.0.0.1:8001")
DEMO_GATEWAY_KEY, DEMO_WEBHOOK_SECRET = "sk_test_demo", "whsec_demo"
GATEWAY_API_KEY = env.str("GATEWAY_API_KEY", default=DEMO_GATEWAY_KEY)
GATEWAY_WEBHOOK_SECRET = env.str("GATEWAY_WEBHOOK_SECRET", default=DEMO_WEBHOOK_SECRET)
# While the secret is being changed, call-backs signed with the one before it are still believed.
GATEWAY_WEBHOOK_SECRETS = [GATEWAY_WEBHOOK_SECRET, *env.list("GATEWAY_WEBHOOK_SECRETS_BEFORE", default=[])]
# The account at the bank that holds the city's reserve 备付金: payouts leave it, its statements are read.
RESERVE_ACCOUNT_HOLDER = env.str("RESERVE_ACCOUNT_HOLDER", default="示范市市民卡有限公司")
RESERVE_BANK_CODE = env.str("RESERVE_BANK_CODE", default="105397000012")
RESERVE_ACCOUNT_NUMBER = env.str("RESERVE_ACCOUNT_NUMBER", default="35050100000100000001")
SIGNATURE_TOLERANCE_SECONDS = 300
FUTURE_TOLERANCE_SECONDS = 600
