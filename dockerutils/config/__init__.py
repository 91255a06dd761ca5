"""The configuration of a project: declared once, read from three spellings, checked once."""
