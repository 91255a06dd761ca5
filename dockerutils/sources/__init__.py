"""Where layers come from: an engine, an archive, a registry."""
