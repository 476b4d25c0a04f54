from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SettlementConfig(AppConfig):
    name = "settlement"
    verbose_name = _("settlement")

    def ready(self) -> None:
        """Whoever plans parts, a command too, wakes the workers."""
        import_module("settlement.tasks")
