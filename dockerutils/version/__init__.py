"""The version file of a project, written by the tool that the project versions itself with."""
