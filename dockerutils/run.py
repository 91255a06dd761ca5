"""run-image: runs an image of the project, with its configured settings, in a container."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dockerutils import docker_cli
from dockerutils.aws.ecr_host import private_host
from dockerutils.aws.pull_logins import aws_login_of, pulling
from dockerutils.command import Secret
from dockerutils.config.run_keys import RunSettings, check_user
from dockerutils.config.words import Option, run_options, split_words
from dockerutils.errors import CommandFailed, UsageError
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Catalogue, Image
from dockerutils.naming import container_name
from dockerutils.runs import Run
from dockerutils.session import Session

AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)
ALL_GPUS: tuple[Option, ...] = (("--gpus", "all"), ("--env", "NVIDIA_VISIBLE_DEVICES=all"))
DOCKER_FAILED = 125  # docker run's own status, when no container ran


@dataclass(frozen=True)
class RunOptions:
    """What the command line of run-image says besides the image and its command."""

    command: str = ""
    keep: bool = False
    detach: bool | None = None
    network: str = ""
    use_gpu: bool = False
    env: tuple[str, ...] = ()
    env_file: tuple[str, ...] = ()
    args: str = ""
    volume: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    user: str = ""
    aws: bool = False
    no_sync: bool = False


def run_image(
    session: Session,
    name: str,
    words: tuple[str, ...],
    options: RunOptions,
    first: Callable[[], None] = lambda: None,
) -> int:
    """Run an image and return the container's exit status, or docker's own.

    What is to be done `first`, such as building, is done once nothing else can be wrong.
    """
    check_options(session, options)
    image = Catalogue(session.project).find(name)
    run = planned_run(session, image, words, options)
    first()
    fetch(session, image)
    if session.docked:
        from dockerutils.docked_run import run_docked  # noqa: PLC0415  # few terminals are

        status = run_docked(session, run, options.no_sync)
    else:
        status = session.runner.hand_over(run.command())
    if status == DOCKER_FAILED:
        explain(session, image, status, run.command().argv)
    return status


def fetch(session: Session, image: Image) -> None:
    """Pull an image of AWS's registry that is not there, with a login for just that time."""
    reference = str(image.reference)
    place = None if image.built else private_host(reference)
    if place is None or reference in session.engine.facts([reference]):
        return
    login = aws_login_of(session, image.name)
    with pulling(session, {place.host: login}) as pulls:
        pulls.runner.run(docker_cli.pull(reference))


def explain(session: Session, image: Image, status: int, given: tuple[str, ...]) -> None:
    """Raise `CommandFailed` with what to do, where we know more than docker said already."""
    ailment = session.engine.ailment()
    if ailment:
        raise CommandFailed(ailment.message, status, ailment.hint)
    if image.built and not session.engine.facts([str(image.reference)]):
        raise CommandFailed(
            f"{image.reference} has not been built.",
            status,
            f"`build-image {shlex.quote(image.name)}` builds it;"
            f" `run-image --build {shlex.quote(image.name)}` does both.",
        )
    if "--gpus" in given:
        raise CommandFailed(
            "the container was not started with GPUs; docker's reason stands above.",
            status,
            "This machine needs an NVIDIA driver and the NVIDIA container toolkit.",
        )


def planned_run(session: Session, image: Image, words: tuple[str, ...], options: RunOptions) -> Run:
    """Give the run of an image with its settings and the user's options."""
    settings = image.settings.running(session.docked)
    return RunPlan(session, image, settings, options).run(words)


@dataclass(frozen=True)
class RunPlan:
    """What the parts of one `docker run` are made of."""

    session: Session
    image: Image
    settings: RunSettings
    options: RunOptions

    def run(self, words: tuple[str, ...]) -> Run:
        """Put the parts together, in the order in which a reader looks for them."""
        variables: dict[str, Secret] = {}
        manner = tuple(self._manner(variables))
        given = last_of_each(
            (
                *self._gpu(variables),
                *self._user(),
                *self._environment(variables),
                *self._network(variables),
                *self._mounts(variables),
                *self._args(variables),
                *(("--env", text) for text in self.options.env),
            )
        )
        own_name = any(option[0] == "--name" for option in (*manner, *given))
        options: tuple[Option, ...] = (
            *manner,
            *(() if own_name else (("--name", self._container()),)),
            *self._labels(),
            *self._pulling(),
            *given,
        )
        return Run(
            str(self.image.reference),
            options,
            self._words(words),
            {name: value for name, value in variables.items() if ("--env", name) in options},
            self.session.project.root,
            as_host=self._whom == "host",
        )

    @property
    def _expansion(self) -> Expansion:
        session = self.session
        return Expansion(session.project, session.environ, self.image.name, session.docked)

    def _manner(self, variables: dict[str, Secret]) -> Iterator[Option]:
        """Give how the container lives: removed at its end, in front or not, with an init."""
        keep, init = self.settings.keep_container, self.settings.init
        if isinstance(keep, tuple):
            yield from self._configured("keep_container", keep, variables)
        elif not (keep or self.options.keep):
            yield ("--rm",)
        detached = self.options.keep if self.options.detach is None else self.options.detach
        yield from (("--detach",),) if detached else self._interactive(variables)
        if init is None or isinstance(init, bool):
            yield from () if init is False else (("--init",),)
        else:
            yield from self._configured("init", init, variables)

    def _interactive(self, variables: dict[str, Secret]) -> Iterator[Option]:
        """Give `-i`, and `-t` only where there is a terminal: docker refuses it elsewhere."""
        interactive = self.settings.interactive
        if isinstance(interactive, tuple):
            options = tuple(self._configured("interactive", interactive, variables))
            terminal = self.session.interactive or ("--detach",) in options
            yield from (option for option in options if terminal or option != ("--tty",))
        elif interactive is not False:
            yield ("-it",) if self.session.interactive else ("-i",)

    def _container(self) -> str:
        """Make a name that no other container has, on this engine or on a shared one."""
        project = self.session.project
        return container_name(project.name, self.image.name, project.user, self.session.token())

    def _labels(self) -> Iterator[Option]:
        yield ("--label", f"{docker_cli.RUN_LABEL}={self.session.project.mark}")
        yield ("--label", f"{docker_cli.RUN_IMAGE_LABEL}={self.image.name}")

    def _pulling(self) -> Iterator[Option]:
        """Keep docker from asking a registry for an image that only this project makes."""
        if self.image.built:
            yield ("--pull", "never")

    def _environment(self, variables: dict[str, Secret]) -> Iterator[Option]:
        """Give the variables, one option each; a configured value wins over that of AWS's."""
        if self.options.aws or self.settings.aws:
            yield from (("--env", name) for name in AWS_VARIABLES if name in self.session.environ)
        yield from self._configured("environment", self.settings.environment or (), variables)
        yield from (("--env-file", str(self.session.here / path)) for path in self.options.env_file)

    def _gpu(self, variables: dict[str, Secret]) -> Iterator[Option]:
        gpu = self.settings.gpu
        if self.options.use_gpu or gpu is True:
            yield from ALL_GPUS
        elif isinstance(gpu, tuple):
            yield from self._configured("gpu", gpu, variables)

    def _network(self, variables: dict[str, Secret]) -> Iterator[Option]:
        if self.options.network:
            yield ("--network", self.options.network)
        yield from self._configured("network", self.settings.network or (), variables)

    def _mounts(self, variables: dict[str, Secret]) -> Iterator[Option]:
        yield from self._configured("volumes", self.settings.volumes or (), variables)
        yield from (("--volume", self._from_here(text)) for text in self.options.volume)
        yield from self._configured("ports", self.settings.ports or (), variables)
        yield from (("--publish", text) for text in self.options.publish)

    def _from_here(self, volume: str) -> str:
        """Keep `./data:/data` meaning the user's folder: docker runs in the project's."""
        host, colon, rest = volume.partition(":")
        if not colon or not host.startswith("."):
            return volume
        return f"{os.path.normpath(self.session.here / host)}:{rest}"

    @property
    def _whom(self) -> str:
        return self.options.user or self.settings.user or "image"

    def _user(self) -> Iterator[Option]:
        """Give the user; one of the host has no home in the image, so it gets /tmp."""
        user = self._whom
        if user == "host":
            yield from (("--user", f"{os.getuid()}:{os.getgid()}"), ("--env", "HOME=/tmp"))
        elif user != "image":
            yield ("--user", user)

    def _args(self, variables: dict[str, Secret]) -> Iterator[Option]:
        """Give the other options; the user's replace the configured ones."""
        if not self.options.args:
            yield from self._configured("args", self.settings.args or (), variables)
            return
        try:
            yield from run_options(split_words(self.options.args))
        except ValueError as error:
            raise UsageError(f"-a/--args: {error}.") from error

    def _words(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Give the command: the user's wins, and only the configured one has variables."""
        if words and self.options.command:
            raise UsageError("the command is given twice, by -c and after --.", "Keep one of them.")
        if words:
            return words
        if self.options.command:
            try:
                return split_words(self.options.command)
            except ValueError as error:
                raise UsageError(f"-c/--command: {error}.") from error
        return self._expansion.words("cmd", self.settings.cmd or ())

    def _configured(
        self, key: str, options: Iterable[Option], variables: dict[str, Secret]
    ) -> Iterator[Option]:
        """Expand configured options, but for those that the command line has its own say about."""
        said = {
            "--network": bool(self.options.network),
            "--user": bool(self.options.user),
            "--rm": self.options.keep,
            "--detach": self.options.detach is False,
        }
        over = self._given_variables()
        for option in options:
            if said.get(option[0]) or variable(option) in over:
                continue
            if variable(option):
                yield self._assigned(key, option[1], variables)
            else:
                yield from self._expansion.options(key, (option,))

    def _given_variables(self) -> set[str]:
        """Name the variables that the command line sets, in its files as well.

        For docker alone any `--env` would win over an `--env-file`.
        """
        words = [*self.options.env]
        for path in self.options.env_file:
            file = self.session.here / path
            if file.is_file():  # a pipe can be read once, and that is docker's turn
                words += file.read_text("utf-8", "replace").splitlines()
        return {variable(("--env", word.strip())) for word in words} - {""}

    def _assigned(self, key: str, text: str, variables: dict[str, Secret]) -> Option:
        assigned = self._expansion.assignment(key, text)
        variables |= assigned.variables
        return ("--env", assigned.word)


def last_of_each(options: Iterable[Option]) -> list[Option]:
    """Keep the last assignment of each variable, in the place of the first."""
    kept: dict[object, Option] = {}
    for number, option in enumerate(options):
        kept[variable(option) or number] = option
    return list(kept.values())


def variable(option: Option) -> str:
    """Name the variable that an option sets; other options set none."""
    return option[1].partition("=")[0] if option[0] == "--env" and len(option) == 2 else ""


def check_options(session: Session, options: RunOptions) -> None:
    """Raise `UsageError` for options that cannot be meant."""
    if options.user:
        try:
            check_user(options.user)
        except ValueError as error:
            raise UsageError(f"--user {error}.") from error
    for path in options.env_file:
        file = session.here / path
        if not file.exists() or file.is_dir():
            raise UsageError(f"--env-file {path}: there is no such file.", "Give a file to read.")
