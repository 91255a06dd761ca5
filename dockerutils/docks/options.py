"""What the command lines of the verbs for docks say besides their arguments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RegisterOptions:
    """The options of register-dock; port 0 and empty texts leave the choice to ssh."""

    user: str = ""
    port: int = 0
    identity: str = ""
    jump: str = ""
    workspace: str = ""
    host_key: str = ""
    accept_new: bool = False
    no_probe: bool = False
    force: bool = False


@dataclass(frozen=True)
class ListOptions:
    """The options of ls-dock; `timeout` is how long a dock may take to answer, in seconds."""

    json: bool = False
    timeout: float = 5.0


@dataclass(frozen=True)
class SshOptions:
    """The options of ssh-dock; `ssh_options` are ssh's own, as one text."""

    ssh_options: str = ""
    forward_agent: bool = False


@dataclass(frozen=True)
class NotebookOptions:
    """The options of nb-dock; port 0 takes one that is free on both sides."""

    detach: bool = False
    stop: bool = False
    port: int = 0
    folder: str = ""
    no_browser: bool = False


@dataclass(frozen=True)
class SyncOptions:
    """The options of sync-up and sync-down."""

    dry_run: bool = False
    json: bool = False
    verbose: bool = False
