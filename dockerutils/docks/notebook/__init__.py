"""Jupyter on a dock, as it is started there and seen here."""
