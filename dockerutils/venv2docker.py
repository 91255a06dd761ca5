"""venv2docker: an image from a virtualenv and its project, in any folder, without configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.destination import Destination
from dockerutils.engine import AnyEngine
from dockerutils.errors import CommandFailed, DockerutilsError
from dockerutils.execution import Execution
from dockerutils.expansion import Expansion
from dockerutils.freshness import Freshness, open_freshness
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.recipe import BuildRequest
from dockerutils.images.recipes import open_graph
from dockerutils.packing.build_folder import BuildFolder, FolderDestination
from dockerutils.packing.logged import Logged
from dockerutils.packing.options import PackOptions
from dockerutils.packing.settings import Packing, items, project_of, read_packing
from dockerutils.session import Session
from dockerutils.startup import Manner, Surroundings, assemble_session
from dockerutils.terminal import Terminal
from dockerutils.work import Work, WorkOptions

if TYPE_CHECKING:
    from dockerutils.images.venv_parts import VenvParts

SHELL = "/bin/sh"


def pack_virtualenv(
    terminal: Terminal, around: Surroundings, virtualenv: str, options: PackOptions
) -> int:
    """Make an image of a virtualenv, named or active, or remove what an earlier build left."""
    packing = read_packing(virtualenv, options, around.here, around.home, around.environ)
    project = project_of(packing, around.user, around.home, around.environ)
    session = assemble_session(terminal, Manner(), around, project)
    return Packer(session, packing, options).run()


@dataclass
class Packer:
    """One run of venv2docker."""

    session: Session
    packing: Packing
    options: PackOptions
    log: list[str] = field(default_factory=list)

    @property
    def folder(self) -> BuildFolder:
        """The folder of the build's files."""
        return BuildFolder(self.packing.folder)

    @property
    def stays(self) -> bool:
        """Tell whether that folder is wanted when all went well."""
        return self.options.skip_image or self.options.no_remove_build_dir

    def run(self) -> int:
        """Do what the options say; gives the exit status."""
        if self.options.clean:
            return self._clean()
        self.folder.check()
        if not self._agreed("Build the image now?", self._summary()):
            return 0
        before = self._image_id()
        try:
            self._make()
        except DockerutilsError:
            self._clean_up_after_failure()
            raise
        if self.options.no_dangling:
            self._remove_previous(before)
        if self.options.push:
            self._push()
        if self.options.debug:
            self._tell(self._values())
        return 0 if self.options.skip_image else self._finish()

    # Before -------------------------------------------------------------------------------------

    def _clean(self) -> int:
        folder = self.packing.folder
        if not folder.exists():
            self.session.terminal.note(f"there is no {folder}.")
        elif self._agreed(f"Remove the files of a build from {folder}?", ()):
            gone = self.folder.clean()
            said = f"{folder} is removed." if gone else f"{folder} stays: not all in it is ours."
            self.session.terminal.note(said)
        return 0

    def _agreed(self, question: str, lines: Sequence[tuple[str, str]]) -> bool:
        """Ask before something is done, on a terminal where nobody has said not to ask."""
        if self.options.no_prompt or not self.session.interactive:
            return True
        self._tell(lines)
        if self.session.terminal.ask(question):
            return True
        self.session.terminal.note("nothing was done.")
        return False

    def _summary(self) -> list[tuple[str, str]]:
        packing = self.packing
        entrypoint = packing.settings.image_entrypoint or ()
        return [
            ("virtualenv", str(packing.virtualenv)),
            ("project", str(packing.project)),
            ("image", str(packing.reference)),
            ("base", self.parts.base),
            ("entrypoint", " ".join(entrypoint).replace("$$", "$")),
        ]

    def _tell(self, lines: Sequence[tuple[str, str]]) -> None:
        width = max((len(name) for name, _ in lines), default=0)
        for name, value in lines:
            self.session.terminal.note(f"{name:<{width}}  {value}".rstrip())

    # The build ----------------------------------------------------------------------------------

    @cached_property
    def parts(self) -> VenvParts:
        """What the image consists of."""
        from dockerutils.images.venv import read_venv  # noqa: PLC0415  # as for other images

        project, environ = self.session.project, self.session.environ
        image = Catalogue(project).find(self.packing.image)
        reading = read_venv(image, Expansion(project, environ, image.name), BuildRequest())
        return reading.parts

    def _make(self) -> None:
        """Fill the folder if it is wanted, and make the image if that is."""
        if self.stays:
            self._build(replace(self.session, engine=AnyEngine(self.session.engine)), folder=True)
        if not self.options.skip_image:
            self._build(self.session, folder=False)
        if self.stays and not self.options.no_log:
            self.folder.write_log(self.log)

    def _build(self, session: Session, folder: bool) -> None:
        """Do the work of build-image for this one image; raise what hinders it."""
        name, request = self.packing.image, BuildRequest()
        graph = open_graph(Catalogue(session.project), session.environ, request)
        node = graph.node(name)
        base = node.stand_ins.get(self.parts.base, self.parts.base)
        destination = self._destination(base) if folder else None
        freshness = open_freshness(session.project, session.environ)
        options = WorkOptions(request, destination=destination)
        work = Work(session, graph, (name,), options, freshness, means=self._means)
        outcomes = work.build(work.needed())
        work.finish(outcomes)
        if outcomes[0].state == "unchanged":
            session.terminal.note(f"{outcomes[0].reference} is up to date.")

    def _means(self, session: Session, freshness: Freshness) -> Execution:
        if self.options.no_log:
            return Execution(session, freshness)
        return Logged(session, freshness, keep=self.log.append)

    def _destination(self, base: str) -> Destination:
        from dockerutils.images.venv import dockerfile_of  # noqa: PLC0415

        packages = self.parts.packages
        return FolderDestination(
            text=str(self.packing.folder),
            path=self.packing.folder,
            lines=lambda user, archives: dockerfile_of(self.parts, base, user, archives),
            requirements=packages.pip.files if packages and packages.pip else {},
        )

    def _clean_up_after_failure(self) -> None:
        """Leave nothing of a build that failed, unless somebody wants to look at it."""
        if not (self.options.no_cleanup_on_error or self.options.no_remove_build_dir):
            self.folder.clean()
        elif not self.options.no_log:
            self.folder.write_log(self.log)

    # Afterwards ---------------------------------------------------------------------------------

    def _image_id(self) -> str:
        if not self.options.no_dangling:
            return ""
        reference = str(self.packing.reference)
        facts = self.session.engine.facts([reference])
        return facts[reference].id if reference in facts else ""

    def _remove_previous(self, before: str) -> None:
        """Remove the image that had the name before, if it has no other."""
        if not before or before not in self.session.engine.images(["dangling=true"]):
            return
        try:
            self.session.runner.run(docker_cli.remove_images([before]))
        except CommandFailed:
            self.session.terminal.warn(
                f"the image that was {self.packing.reference} stays; the reason stands above."
            )

    def _push(self) -> None:
        reference = str(self.packing.reference)
        try:
            self.session.runner.run(docker_cli.push(reference))
        except CommandFailed as error:
            raise CommandFailed(
                f"{reference} was built, but not pushed; the reason stands above.",
                error.status,
                "`docker login` makes you known to a registry.",
            ) from error

    def _finish(self) -> int:
        """Tell how the image is run, or run it; gives the container's status then."""
        if self.options.run:
            return self.session.runner.hand_over(self._run_command(self.session.interactive))
        self.session.terminal.data(str(self._run_command(terminal=True)))
        return 0

    def _run_command(self, terminal: bool) -> Command:
        """Give the command that runs the image: in the background, or with a shell."""
        reference = str(self.packing.reference)
        interactive = "-it" if terminal else "-i"
        options = ["-d" if self.packing.settings.image_entrypoint else interactive]
        options += [word for port in self._ports() for word in ("-p", port)]
        words: list[str] = []
        if not self.packing.settings.image_entrypoint:
            facts = self.session.engine.facts([reference]).get(reference)
            own = bool(facts and facts.config.get("Entrypoint"))
            options += ["--entrypoint", SHELL] if own else []
            words = [] if own else [SHELL]
        return docker_cli.run(reference, options, words, {}, self.session.here)

    def _ports(self) -> Iterator[str]:
        for exposed in self.packing.settings.image_expose or ():
            number, _, protocol = exposed.partition("/")
            yield f"{number}:{number}" if protocol == "tcp" else f"{number}:{exposed}"

    def _values(self) -> list[tuple[str, str]]:
        """Give all that holds, for `--debug`."""
        packing, options = self.packing, self.options
        own = {name: getattr(options, name) for name in options.__dataclass_fields__}
        said = {
            name: ",".join(items(value)) if isinstance(value, tuple) else str(value)
            for name, value in own.items()
        }
        settings = packing.settings
        held = {
            "base": self.parts.base,
            "name": packing.reference.repository,
            "tag": packing.reference.tag,
            "workdir": settings.image_workdir or "",
            "dockerdir": str(packing.folder),
        }
        found = {
            "virtualenv": str(packing.virtualenv),
            "project": str(packing.project),
            "virtualenv in the image": settings.dest or "",
            "project in the image": str(settings.project[0].dest) if settings.project else "",
        }
        return [*found.items(), *sorted({**said, **held}.items())]
