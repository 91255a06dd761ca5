"""The project's files on a dock, and what became of them there."""
