"""Publishing: the names, the places, and what is kept of it."""
