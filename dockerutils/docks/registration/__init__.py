"""What a host has to show before it becomes a dock: its key, its user, what it has."""
