"""Where layers go: an engine, a registry, an archive."""
