from django.apps import AppConfig


class CitizenCardConfig(AppConfig):
    name = "citizencard"
