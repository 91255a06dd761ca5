"""The version, as it is between releases; a build may put another file in this one's place."""

__version__ = "0.1.0"
