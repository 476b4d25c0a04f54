"""The demo city: founded from `fixtures/`, lived one day at a time through the same services and terminals as a real one."""
