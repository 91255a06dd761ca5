"""The options of the verbs for docks as the command line shows them."""

from __future__ import annotations

from dockerutils.arguments import flag

REGISTER_FLAGS = {
    "user": flag("--user", "-u", metavar="USER", help="Log in as this user there."),
    "port": flag("--port", "-p", metavar="PORT", help="Connect to this port."),
    "identity": flag("--identity", "-i", metavar="FILE", help="Log in with this private key."),
    "jump": flag("--jump", "-J", metavar="HOST", help="Connect through this host."),
    "workspace": flag(
        "--workspace", metavar="DIR", help="Keep synchronized projects below this folder there."
    ),
    "host_key": flag(
        "--host-key", metavar="SHA256:…", help="Accept the host if its key has this fingerprint."
    ),
    "accept_new": flag("--accept-new", help="Accept a host key that is not known, unseen."),
    "no_probe": flag("--no-probe", help="Do not connect; look at nothing there."),
    "force": flag("--force", "-f", help="Give the moniker of another dock to this one."),
}
LIST_FLAGS = {
    "json": flag("--json", help="Print JSON."),
    "timeout": flag("--timeout", metavar="SECONDS", help="Wait so long for each dock (5)."),
}
SSH_FLAGS = {
    "ssh_options": flag("-s", "--ssh-options", metavar="OPTIONS", help="Other options of ssh."),
    "forward_agent": flag("-A", "--forward-agent", help="Let the dock use your ssh agent."),
}
NOTEBOOK_FLAGS = {
    "detach": flag("--detach", "-d", help="Leave Jupyter running, and the terminal free."),
    "stop": flag("--stop", help="End the Jupyter that was left running."),
    "port": flag("--port", "-p", metavar="PORT", help="Have it answer on this port here."),
    "folder": flag("--folder", metavar="DIR", help="Start in this folder of the dock."),
    "no_browser": flag("--no-browser", help="Print the address instead of opening a browser."),
}
SYNC_FLAGS = {
    "dry_run": flag("--dry-run", help="Tell what would be done with each file, and do nothing."),
    "json": flag("--json", help="Tell on standard output what was done with each file."),
    "verbose": flag("-v", "--verbose", help="Name every file."),
}
