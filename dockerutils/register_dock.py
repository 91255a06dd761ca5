"""register-dock and unregister-dock: the list of docks, and how a host gets into it."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable
from dataclasses import replace

from dockerutils.docks.addresses import address_of
from dockerutils.docks.dock import ENGINE_SOCKET, Dock
from dockerutils.docks.entries import flaw_of, moniker_flaw
from dockerutils.docks.options import RegisterOptions
from dockerutils.docks.places import berth_of, docks_file
from dockerutils.docks.registration.host_keys import Introduction, check_fingerprint
from dockerutils.docks.registration.probe import Findings, probe
from dockerutils.docks.registration.ssh_settings import Login, local_login, login_of
from dockerutils.docks.registry import Docks, alone, read_content, read_docks, write_docks
from dockerutils.docks.seed_files import NAMELESS, remove_seed_files
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError, UsageError
from dockerutils.session import Session
from dockerutils.ssh.command import check_identity, parse_address

USER = "DOCK_USER"
KEY = "SSH_KEY"
EXAMPLE = "Write for example `register-dock 10.1.2.3 gpu-box --user alice`."
PLACE = ("address", "port", "jump")
CONNECTION = ("address", "user", "port", "identity", "jump", "socket")


def register_dock(session: Session, address: str, moniker: str, options: RegisterOptions) -> None:
    """Register a host as a dock, after a look at it; raise what hinders it."""
    check_options(options)
    read_content(docks_file(session.environ, session.project.home))
    dock = described(session, address, moniker, options)
    check_name(session, known_docks(session), dock, options.force)
    dock = replace(dock, user=chosen_user(session, dock, options))
    findings = Findings()
    if not options.no_probe:
        findings = visit(session, dock, options)
        dock = completed(dock, findings)
    check_dock(dock)
    record(session, dock, options.force)
    tell(session, dock, findings, options)


def unregister_dock(session: Session, name: str) -> None:
    """Forget a dock, and end the connection to it; raise `UnknownDock`."""
    environ, home = session.environ, session.project.home
    with alone(environ, home):
        docks = known_docks(session)
        if name in docks.passed and not docks.meant(name):
            write_docks(environ, home, docks.own, removed=name)
            session.terminal.note(f"{plain(name)}, which described no dock, is removed.")
            return
        dock = docks.find(name)
        if dock.name not in docks.old:
            write_docks(environ, home, (one for one in docks.own if one is not dock))
        remove_seed_files(home, dock.address)
    session.terminal.note(f"{dock} is no dock any more ({dock.login}).")
    end_connection(session, dock)
    session.terminal.note(f"`{register_line(dock)}` makes it one again.")


def register_line(dock: Dock) -> str:
    """Give what makes a dock what it is, as one types it."""
    moniker = [dock.name] if dock.name != dock.address else []
    port = str(dock.port) if dock.port else ""
    said = {
        "--user": dock.user,
        "--port": port,
        "--identity": dock.identity,
        "--jump": dock.jump,
        "--workspace": dock.workspace,
    }
    options = [word for pair in said.items() if pair[1] for word in pair]
    return shlex.join(["register-dock", dock.address, *moniker, *options])


def known_docks(session: Session) -> Docks:
    """Read the docks there are, and say what could not be read."""
    docks = read_docks(session.environ, session.project.home)
    docks.check()
    for text in docks.warnings:
        session.terminal.warn(text)
    return docks


def check_options(options: RegisterOptions) -> None:
    """Raise `UsageError` for what does not go together."""
    check_fingerprint(options.host_key)
    if options.host_key and options.accept_new:
        raise UsageError("--host-key and --accept-new are two ways.", "Give one of them.")
    if options.no_probe and (options.host_key or options.accept_new):
        raise UsageError(
            "with --no-probe nobody sees the host's key.",
            "Leave --no-probe out, or --host-key and --accept-new.",
        )
    if options.no_probe and options.workspace and not options.workspace.startswith("/"):
        raise UsageError("with --no-probe nobody knows the home there.", "Write an absolute path.")


def described(session: Session, text: str, moniker: str, options: RegisterOptions) -> Dock:
    """Give the dock that the command line describes; raise `UsageError` for what is none.

    Its user may still be open.
    """
    host, user, port = place_of(text, options)
    key = options.identity or session.environ.get(KEY, "")
    dock = Dock(
        name=name_of(moniker, host),
        address=host,
        user=user or wished_user(session),
        port=port,
        identity=check_identity(key, session.here, session.project.home),
        jump=options.jump,
        workspace=options.workspace,
    )
    check_dock(replace(dock, workspace=""))
    return dock


def place_of(text: str, options: RegisterOptions) -> tuple[str, str, int]:
    """Give the host, the user and the port of what was named, by its words and the options."""
    place = parse_address(text)
    user, _, host = place.host.rpartition("@")
    port = int(place.port[:9] or 0)
    pairs = ((user, options.user), (port, options.port))
    if any(one and other and one != other for one, other in pairs):
        raise UsageError(f"`{plain(text)}` and the options say two things.", "Say it once.")
    return host, options.user or user, options.port or port


def name_of(moniker: str, host: str) -> str:
    """Give the name of a dock: its moniker, else its address; raise `UsageError`."""
    if moniker in NAMELESS:
        return host
    if moniker != host and moniker_flaw(moniker):
        raise UsageError(
            f"{moniker!a} is no moniker.",
            "It has letters, digits, `_`, `.` and `-`, and begins with a letter or a digit.",
        )
    return moniker


def check_dock(dock: Dock) -> None:
    """Raise `UsageError` for what could be taken for something else than it is."""
    if flaw := flaw_of(dock):
        raise UsageError(f"{plain(dock.name)} can be no dock: {plain(flaw)}.", EXAMPLE)


def check_name(session: Session, docks: Docks, dock: Dock, force: bool) -> None:
    """Raise `UsageError` where a name means another dock already.

    Raises `DockerutilsError` where terminals would go on to another host without a word.
    """
    for other in docks.docks:
        if other.name == dock.name and (force or other.address == dock.address):
            check_unused(session, other, dock)
        if other.address == dock.address:
            continue
        if other.name == dock.name and not force:
            raise UsageError(
                f"{dock} is a dock already: {other.login}.",
                f"Choose another moniker, or give this one to {dock.address} with --force.",
            )
        if other.address == dock.name and other.name != dock.name:
            raise UsageError(f"{dock} is the address of {other}.", "Choose another moniker.")


def check_unused(session: Session, old: Dock, new: Dock) -> None:
    """Raise `DockerutilsError` where terminals are docked to what is another host from now on."""
    if place_named(old) == place_named(new):
        return
    if docked := docked_count(session, old):
        raise DockerutilsError(
            f"{docked} docked to {old} ({old.login}), and would work on another host then.",
            "Type `castoff` there first, or choose another moniker.",
        )


def place_named(dock: Dock) -> list[object]:
    """Give what decides which host a connection leads to."""
    return [getattr(dock, key) for key in PLACE]


def docked_count(session: Session, dock: Dock) -> str:
    """Tell how many processes use a dock now, "" for none."""
    from dockerutils.docks.connection.presence import users  # noqa: PLC0415  # deep down

    count = len(users(berth_of(dock, session.environ)))
    return f"{count} terminals are" if count > 1 else "a terminal is" if count else ""


def wished_user(session: Session) -> str:
    """Give the user that the environment names; while docked, that is the one on the dock."""
    return "" if session.docked else session.environ.get(USER, "")


def chosen_user(session: Session, dock: Dock, options: RegisterOptions) -> str:
    """Give the user to log in as, and say who it is and why."""
    from_environment = not options.user and dock.user == wished_user(session)
    login = Login(dock.user, f"as {USER} says" if from_environment else "as you said")
    if not dock.user:
        login = login_of(session.runner, dock.address, local_login())
    session.terminal.note(f"the user on {dock.address} is {login.user}, {login.reason}.")
    return login.user


def visit(session: Session, dock: Dock, options: RegisterOptions) -> Findings:
    """Connect to a host, whose key is known or confirmed then, and look at what it has."""
    address = replace(address_of(dock), text=dock.address, checked=False)
    introduction = Introduction(session, address, options)
    with (
        session.runner.side_by_side(by_main=True) as crew,
        introduction.connected(crew) as connection,
    ):
        return probe(connection)


def completed(dock: Dock, findings: Findings) -> Dock:
    """Give a dock with what is known of it now. What a host says badly does not count."""
    workspace = dock.workspace.removeprefix("~/") if dock.workspace != "~" else "."
    if workspace:
        workspace = posixpath.normpath(posixpath.join(findings.home, workspace))
    found = replace(dock, socket=findings.socket or ENGINE_SOCKET)
    if flaw_of(replace(found, workspace="")):
        found = dock
    return replace(found, workspace=workspace, architecture=findings.architecture)


def record(session: Session, dock: Dock, force: bool) -> None:
    """Put a dock into the list; a connection that led elsewhere under its name ends."""
    environ, home = session.environ, session.project.home
    with alone(environ, home):
        before = read_docks(environ, home)
        check_name(session, before, dock, force)
        kept = [one for one in before.own if one.name != dock.name]
        more = next((one.more for one in before.own if one.name == dock.name), {})
        write_docks(environ, home, (*kept, replace(dock, more=more)))
        after = {one.name: route(one) for one in read_docks(environ, home).docks}
    for one in before.docks:
        if after.get(one.name) != route(one):
            end_connection(session, one)


def route(dock: Dock) -> list[object]:
    """Give what decides where a connection leads."""
    return [getattr(dock, key) for key in CONNECTION]


def end_connection(session: Session, dock: Dock) -> None:
    """End the connection to a dock, and say whose terminals that concerns."""
    from dockerutils.docks.connection.tunnel import end_tunnel  # noqa: PLC0415  # deep down

    docked = docked_count(session, dock)
    end_tunnel(dock, session.runner, session.environ)
    if docked:
        session.terminal.warn(f"{docked} still docked to {dock}: type `castoff` there.")


def tell(session: Session, dock: Dock, findings: Findings, options: RegisterOptions) -> None:
    """Say what became of it, what is missing there, and what to do next."""
    terminal = session.terminal
    if not options.no_probe:
        for sentence in findings.lacks(str(dock), dock.user):
            terminal.warn(sentence)
    about = [f"Docker {findings.engine}"] if findings.engine else []
    about += [dock.architecture] if dock.architecture else []
    terminal.note(f"{dock} is registered: {', '.join([dock.login, *about])}.")
    others = same_address(read_docks(session.environ, session.project.home).docks, dock)
    if others:
        terminal.note(f"{', '.join(others)} {'have' if others[1:] else 'has'} the same address.")
    if options.no_probe:
        terminal.note(f"nobody looked at it: `ssh {dock.login}` has to know its key beforehand.")
    terminal.note(f"`source dock {dock}` docks a terminal to it; `ls-dock` lists all docks.")


def same_address(docks: Iterable[Dock], dock: Dock) -> list[str]:
    """Give the names of the other docks at an address."""
    return [one.name for one in docks if one.address == dock.address and one.name != dock.name]
