"""The command line: options and help of each verb; nothing else.

A verb loads what it needs when it is called: all of it takes as long as docker does to answer.
"""

from __future__ import annotations

import inspect
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from dockerutils.arguments import flag, taking_options
from dockerutils.build_options import BuildOptions
from dockerutils.cli_docks import DOCK_VERBS, SHELL_VERBS
from dockerutils.containers import (
    LogOptions,
    PsOptions,
    execute,
    show_containers,
    show_logs,
    stop_containers,
)
from dockerutils.errors import DockerutilsError, Interrupted, UsageError
from dockerutils.flags import BUILD_FLAGS, LOG_FLAGS, PS_FLAGS, RUN_FLAGS
from dockerutils.packing.flags import PACK_FLAGS
from dockerutils.packing.options import PackOptions
from dockerutils.publication.flags import PUBLISH_FLAGS
from dockerutils.publication.options import PublishOptions
from dockerutils.run import RunOptions, run_image
from dockerutils.startup import (
    Manner,
    open_session,
    open_session_anywhere,
    read_ini_alone,
    standard_terminal,
    surroundings,
)
from dockerutils.transfers.flags import TRANSFER_FLAGS
from dockerutils.transfers.options import TransferOptions

DRY_RUN = flag("--dry-run", help="Print a shell script of the commands and run none of them.")
ImageName = Annotated[str, typer.Argument(metavar="IMAGE", show_default=False)]
Words = Annotated[list[str] | None, typer.Argument(metavar="[-- CMD...]", show_default=False)]
DryRun = Annotated[bool, DRY_RUN]


@taking_options(BuildOptions, BUILD_FLAGS)
def build_image(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE... | all | clean", show_default=False)
    ],
    options: BuildOptions,
    dry_run: DryRun = False,
) -> None:
    """Build images of the project, the ones that they stand on first where those are missing.

    \b
    build-image dev            docker/dev/Dockerfile becomes <project>-dev:<you>
    build-image -f app         and rebuild what app stands on
    build-image all -t 1.2     every image of docker/, tagged 1.2
    build-image clean          remove the project's images
    """
    from dockerutils.build import build_images  # noqa: PLC0415

    if options.json and (dry_run or options.quiet):
        raise UsageError("--json tells what was built; it goes with neither --dry-run nor -q.")
    if options.quiet and options.verbose:
        raise UsageError("-q says less and -v says more; give one of them.")
    manner = Manner(dry_run, options.quiet, options.verbose)
    build_images(open_session(standard_terminal(options.quiet), manner), tuple(images), options)


@taking_options(RunOptions, RUN_FLAGS)
def run_image_(
    image: ImageName,
    options: RunOptions,
    words: Words = None,
    build: Annotated[bool, flag("--build", help="Build the image first.")] = False,
    dry_run: DryRun = False,
) -> int:
    """Run an image with its configured settings; the exit status is the container's.

    \b
    run-image shell                  as docker/dockerutils.cfg describes it
    run-image dev -- pytest -x       with another command
    run-image -k -p 8000:80 app      in the background, and kept
    run-image dev -e DEBUG=1 -v ./data:/data
    """
    session = open_session(standard_terminal(), Manner(dry_run))

    def first() -> None:
        if build:
            from dockerutils.build import build_images  # noqa: PLC0415

            build_images(session, (image,), BuildOptions())

    return run_image(session, image, tuple(words or ()), options, first)


@taking_options(PublishOptions, PUBLISH_FLAGS)
def publish_image(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE... | all", show_default=False)],
    options: PublishOptions,
    dry_run: DryRun = False,
) -> None:
    """Publish images to the registries that the configuration names, and print their digests.

    \b
    publish-image app              as image_repo and publication_tag say
    publish-image app -t 1.2 --tag latest
    publish-image all --pin        all that are configured, with their digests in a file
    """
    from dockerutils.publish import publish_images  # noqa: PLC0415

    if options.json and dry_run:
        raise UsageError("--json tells what was published; it does not go with --dry-run.")
    publish_images(open_session(standard_terminal(), Manner(dry_run)), tuple(images), options)


@taking_options(PsOptions, PS_FLAGS)
def ps(options: PsOptions, dry_run: DryRun = False) -> int:
    """Show the containers that run-image started for this project."""
    return show_containers(open_session(standard_terminal(), Manner(dry_run)), options)


@taking_options(LogOptions, LOG_FLAGS)
def logs(image: ImageName, options: LogOptions) -> int:
    """Show what the newest container of an image wrote."""
    return show_logs(open_session(standard_terminal(), Manner()), image, options)


def stop(
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE...]", show_default=False)
    ] = None,
) -> int:
    """Stop the containers of these images, or all that run-image started for this project."""
    return stop_containers(open_session(standard_terminal(), Manner()), tuple(images or ()))


def exec_(image: ImageName, command: Words = None) -> int:
    """Run a command, else a shell, in the newest running container of an image."""
    return execute(open_session(standard_terminal(), Manner()), image, tuple(command or ()))


def show(
    image: ImageName, as_json: Annotated[bool, flag("--json", help="Print JSON.")] = False
) -> None:
    """Show an image's settings, and where each of them comes from."""
    from dockerutils.show import show_image  # noqa: PLC0415

    show_image(open_session(standard_terminal(), Manner()), image, as_json)


def migrate() -> None:
    """Print docker/dockerutils.cfg as TOML.

    \b
    dockerutils migrate > docker/dockerutils.toml && rm docker/dockerutils.cfg
    """
    from dockerutils.config.migrate import to_toml  # noqa: PLC0415

    terminal = standard_terminal()
    terminal.data(to_toml(read_ini_alone()).rstrip("\n"))


def why(
    image: ImageName, as_json: Annotated[bool, flag("--json", help="Print JSON.")] = False
) -> None:
    """Tell what changed since an image was built, or why it was built the last time."""
    from dockerutils.why import explain_image  # noqa: PLC0415

    explain_image(open_session(standard_terminal(), Manner()), image, as_json)


def graph(
    form: Annotated[
        str, flag("--format", metavar="FORM", help="text, mermaid, dot, svg or json.")
    ] = "text",
) -> None:
    """Draw which image stands on which; a star marks those that a build would make anew."""
    from dockerutils.graph import show_graph  # noqa: PLC0415

    show_graph(open_session(standard_terminal(), Manner()), form)


@taking_options(PackOptions, PACK_FLAGS)
def venv2docker(
    options: PackOptions,
    virtualenv: Annotated[str, typer.Argument(metavar="[VIRTUALENV]", show_default=False)] = "",
) -> int:
    """Make an image of a virtualenv and its project, in any folder and without configuration.

    \b
    venv2docker                     the active virtualenv
    venv2docker .venv               one by its path, or by its name below $WORKON_HOME
    venv2docker -n shop/web --entrypoint=gunicorn --args=shop:app --ports=8000 .venv

    Lists have commas between their items, and \\, for a comma in one. Paths start from the project:
    the folder that .project in the virtualenv names, else the one that holds the virtualenv.
    """
    from dockerutils.venv2docker import pack_virtualenv  # noqa: PLC0415

    return pack_virtualenv(standard_terminal(), surroundings(), virtualenv, options)


def genversion() -> None:
    """Write _version.py.bld, the version file for images, and print the version."""
    from dockerutils.genversion import generate_version  # noqa: PLC0415

    generate_version(open_session(standard_terminal(), Manner()))


@taking_options(TransferOptions, TRANSFER_FLAGS)
def transfer_image(
    options: TransferOptions,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="IMAGE DESTINATION...", show_default=False)
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Bring an image to other hosts over ssh: only the layers that they lack travel.

    \b
    transfer-image app gpu-box                    any Host of your ssh_config, or user@host:port
    transfer-image --from gpu-box app             the other way
    transfer-image app --output app.tar.gz --base python:3.11-slim
    transfer-image --input app.tar.gz             at a site without a network
    """
    from dockerutils.transfer import transfer_image as transfer  # noqa: PLC0415

    manner = Manner(dry_run, verbose=options.verbose)
    session = open_session_anywhere(standard_terminal(), manner)
    transfer(session, tuple(words or ()), options)


SEED_VERBS: dict[str, Callable[..., Any]] = {
    "build-image": build_image,
    "run-image": run_image_,
    "publish-image": publish_image,
    "genversion": genversion,
    "venv2docker": venv2docker,
    "transfer-image": transfer_image,
    **DOCK_VERBS,
}
VERBS: dict[str, Callable[..., Any]] = {
    **SEED_VERBS,
    "ps": ps,
    "logs": logs,
    "stop": stop,
    "exec": exec_,
    "show": show,
    "why": why,
    "graph": graph,
    "migrate": migrate,
    **SHELL_VERBS,
}


def version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from importlib.metadata import version as installed  # noqa: PLC0415  # slow to import

        standard_terminal().data(f"dockerutils {installed('dockerutils')}")
        raise typer.Exit


def top(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=version, is_eager=True)
    ] = False,
) -> None:
    """Build, run and move the Docker images of a Python project.

    An image is a folder of docker/ with a Dockerfile. Each docker command is printed before it
    runs, ready to paste.
    """


def application(script: str) -> typer.Typer:
    """Give the command line for the name under which we were started."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        no_args_is_help=script not in SEED_VERBS,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "token_normalize_func": lambda token: token.replace("_", "-"),
        },
    )
    verbs = {script: SEED_VERBS[script]} if script in SEED_VERBS else VERBS
    if verbs is VERBS:
        app.callback()(top)
    for name, verb in verbs.items():
        app.command(name)(exiting(verb))
    return app


def exiting(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Make a verb's result the exit status."""

    def call(**values: Any) -> None:
        try:
            status = verb(**values)
        except KeyboardInterrupt:
            raise Interrupted("interrupted.") from None
        raise typer.Exit(status or 0)

    call.__doc__ = verb.__doc__
    call.__signature__ = inspect.signature(verb, eval_str=True)  # type: ignore[attr-defined]
    call.__annotations__ = inspect.get_annotations(verb, eval_str=True)
    return call


def end(number: int, _frame: object) -> None:
    """End as after Ctrl-C: what was made ready for a build is taken away again."""
    raise Interrupted("ended by a signal.", 128 + number)


def main() -> None:
    """Run the verb that the command line names, and end the process with its status."""
    started_as = Path(sys.argv[0]).name
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    script = started_as if started_as in SEED_VERBS else "dockerutils"
    terminal = standard_terminal()
    try:
        application(script)(prog_name=script)
    except DockerutilsError as error:
        terminal.error(script, error.message, error.hint)
        sys.exit(error.status)
    except BrokenPipeError:
        terminal.abandon()
        sys.exit(141)
    except OSError as error:
        terminal.abandon()
        terminal.error(script, f"{error.filename or 'output'}: {error.strerror}.", "")
        sys.exit(1)
