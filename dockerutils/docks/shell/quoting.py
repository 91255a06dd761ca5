"""Values as words of a shell's code: whatever is in them, the shell takes it for a text."""

from __future__ import annotations


def posix_quoted(text: str) -> str:
    """Quote a text for bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def fish_quoted(text: str) -> str:
    """Quote a text for fish, where a backslash means something between quotes too."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
