from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PrivacyConfig(AppConfig):
    name = "citizencard.privacy"
    verbose_name = _("personal data")
