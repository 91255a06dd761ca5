"""What can go wrong, each with the exit status that the command ends with."""

from __future__ import annotations

FAILED = 1
USAGE = 2
INTERRUPTED = 130


class DockerutilsError(Exception):
    """A failure that a user can act on: one sentence, and a hint that says what to do next."""

    status = FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DockerutilsError):
    """The command line asks for something that cannot be meant."""

    status = USAGE


class ProjectError(DockerutilsError):
    """The project's folder, or an image that was named, is not what it has to be."""

    status = USAGE


class ConfigError(DockerutilsError):
    """The configuration is wrong; the message lists every problem of it, one a line."""

    status = USAGE


class EngineError(DockerutilsError):
    """No Docker engine answers, or Docker's command line is missing."""


class ContentChanged(DockerutilsError):
    """A file did not keep still while it was read; what was made of it is thrown away."""


class CommandFailed(DockerutilsError):
    """A command that we started ended with another status than 0, which becomes ours.

    `said` is all that it wrote to its standard error, where we read that.
    """

    def __init__(self, message: str, status: int, hint: str = "", said: str = "") -> None:
        super().__init__(message, hint)
        self.status = status
        self.said = said


class Interrupted(DockerutilsError):
    """The user pressed Ctrl-C, or a signal asked us to end; what was running has ended."""

    def __init__(self, message: str, status: int = INTERRUPTED) -> None:
        super().__init__(message)
        self.status = status


def missing_program(name: str) -> EngineError:
    """Describe a program that is not on the PATH."""
    if name == "docker":
        hint = "Install Docker's command line (on Debian: `apt install docker.io docker-cli`)."
    else:
        hint = f"Install {name}, or put it on the PATH."
    return EngineError(f"the program {name} was not found.", hint)
