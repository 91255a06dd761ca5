"""Build, run and move the Docker images of a Python project."""
