"""The citizen's web portal."""
