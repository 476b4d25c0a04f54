"""The only writers of what staff sign in with, of their sessions and accounts."""
