"""Amazon Web Services: sessions, registries, and their logins for pulls."""
