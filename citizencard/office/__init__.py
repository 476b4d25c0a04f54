"""The office: the admin site for clerks and finance staff."""
