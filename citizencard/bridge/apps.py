from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BridgeConfig(AppConfig):
    name = "citizencard.bridge"
    verbose_name = _("card bridge")
