"""Chip technology of the citizen card in plain Python: APDUs, files, keys, MACs. Knows nothing of Django."""
