"""Build, run and move the Docker images of a Python project."""

__version__ = "3.0.0.dev0"
