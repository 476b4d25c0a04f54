from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "citizencard.core"
    label = "core"
    verbose_name = _("foundation")

    def ready(self) -> None:
        """Refuse to start a demo in production, whatever the process: web, worker or command."""
        from citizencard.core.checks import refuse_demo_settings

        refuse_demo_settings()
