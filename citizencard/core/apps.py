from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "citizencard.core"
    label = "core"
    verbose_name = _("foundation")

    def ready(self) -> None:
        """Refuse to start a demo in production, whatever the process; keep the roles' rights up with the tables."""
        from citizencard.core import checks, grants, roles

        checks.refuse_demo_settings()
        post_migrate.connect(grants.after_migrate, sender=self)
        if settings.PRODUCTION:
            connection_created.connect(roles.refuse_powers)
