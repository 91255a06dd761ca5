"""What an image is called where it is published, and what the configuration says about that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dockerutils.aws.ecr_host import EcrHost, NewRepository, domain, ecr_host
from dockerutils.aws.pull_logins import aws_login_of
from dockerutils.aws.session import AwsLogin
from dockerutils.command import Expanded
from dockerutils.config.model import ImageSettings, Origin
from dockerutils.config.problems import closest, unset_variable
from dockerutils.config.template import Scope, UnsetVariable, double_quoted
from dockerutils.errors import ConfigError, ProjectError
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Image
from dockerutils.naming import split_reference
from dockerutils.oci.registry.reference import HUB, RegistryReference, parse_reference
from dockerutils.session import Session

AWS, DOCKER_HUB = "aws", "docker_hub"
AWS_FORM = "{account}.dkr.ecr.{region}.{domain}/{image}:{tag}"
HUB_FORM = "{login}/{image}:{tag}"  # the user's name at Docker Hub
STRAY = "\"'"
EXAMPLE = 'image_repo = "ghcr.io/OWNER"'  # the same in a .cfg and in TOML
HOST = re.compile(r"localhost|.*[.:].*")
REGION_IN_NAME = re.compile(r"\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.")
DUMMIES = {"account": "0" * 12, "region": "us-east-1", "login": "login"}
LOGIN_IN_SHELL = "${DOCKER_HUB_LOGIN:?your name at Docker Hub}"


@dataclass(frozen=True)
class Publication:
    """Where one image goes: `name` has variables that may have to be asked for."""

    image: Image
    name: str
    kind: str  # `aws`, `docker_hub`, a host with a path, or "" where the name tells all
    origin: Origin
    key: str
    fields: Mapping[str, str]
    environ: Mapping[str, str]
    login: AwsLogin = field(default_factory=AwsLogin)
    new: NewRepository = field(default_factory=NewRepository)
    policy: str = ""  # the file of the lifecycle, if there is one

    def lacks(self, variable: str) -> bool:
        """Tell whether a variable is in the name that has to be asked for."""
        return f"{{{variable}}}" in self.name and variable not in self.fields

    @property
    def region(self) -> str:
        """The region that the name says itself, "" for none."""
        found = REGION_IN_NAME.search(self.name)
        return found[1] if found else ""

    def knowing(self, **fields: str) -> Publication:
        """Give the same with more variables known."""
        return replace(self, fields={**self.fields, **fields})

    def reference(self) -> RegistryReference:
        """Give the name with its variables replaced; raise `ConfigError` for what cannot be one."""
        text = self._expanded(self.fields)
        try:
            found = parse_reference(text)
        except ProjectError as error:
            raise self.fault(f"gives {text!r}, which is no name of an image", error.hint) from None
        self._check_host(found)
        return found

    def script_name(self, tag: str = "") -> str:
        """Give the name, or that with another tag, as a script has it.

        The shell fills in what has to be asked for.
        """
        known, unknown = self._with_dummies()
        found = known.reference()
        wanted = replace(found, tag=tag or found.tag)
        if not unknown:
            return str(wanted)
        name = split_reference(self._marked(unknown))[0]
        return Expanded(str(wanted), in_shell(f"{name}:{wanted.tag}", unknown))

    def script_place(self) -> EcrHost | None:
        """Give the registry of AWS as a script has it; None for another registry."""
        known, unknown = self._with_dummies()
        place = ecr_host(known.reference().host)
        if place is None or not unknown:
            return place
        host = self._marked(unknown).partition("/")[0]
        region = in_shell(mark("region"), ["region"]) if "region" in unknown else place.region
        shown = Expanded(place.host, in_shell(host, unknown))
        return replace(place, host=shown, region=Expanded(place.region, region))

    def _with_dummies(self) -> tuple[Publication, list[str]]:
        unknown = [name for name in DUMMIES if self.lacks(name)]
        return self.knowing(**{name: DUMMIES[name] for name in unknown}), unknown

    def _marked(self, unknown: Iterable[str]) -> str:
        return self._expanded({**self.fields, **{name: mark(name) for name in unknown}})

    def fault(self, sentence: str, hint: str = "") -> ConfigError:
        """Make the error of a setting, with its place."""
        return ConfigError(f"{self.origin}: [{self.image.name}] {self.key} {sentence}.", hint)

    def _expanded(self, fields: Mapping[str, str]) -> str:
        known = {"domain": domain(fields.get("region", "")), **fields}
        try:
            return Scope(known, self.environ).expand(self.name)
        except UnsetVariable as error:
            raise unset_variable(error, self.origin, self.image.name, self.key) from error

    def _check_host(self, found: RegistryReference) -> None:
        """Raise `ConfigError` where the name leads elsewhere than `image_repo` says."""
        if found.digest:
            raise self.fault("ends with a digest", "It follows from the image; write a tag.")
        if self.kind == AWS and not ecr_host(found.host):
            raise self.fault(
                f"leads to {found.host}, which is no registry of AWS, but image_repo is aws",
                "Correct it, or write `image_repo = HOST` for another registry.",
            )
        host = self.kind.partition("/")[0]
        if self.kind not in (AWS, DOCKER_HUB, "") and host != found.host:
            raise self.fault(
                f"leads to {found.host}, but image_repo is {self.kind}",
                "Write the whole name into publication_tag, the host included.",
            )


def mark(name: str) -> str:
    """Give what stands for a variable that the shell fills in."""
    return f"\0{name}\0"


def in_shell(text: str, unknown: Iterable[str]) -> str:
    """Write a text with marks as a shell's word."""
    word = double_quoted(text)
    for name in unknown:
        variable = LOGIN_IN_SHELL if name == "login" else f"${{{name}}}"
        word = word.replace(mark(name), variable)
    return f'"{word}"'


def find_publication(session: Session, image: Image) -> Publication | None:
    """Give where an image is to be published, None where nothing says so.

    A synthetic image goes where the one that it is a form of goes, if it says nothing itself.
    Raises `ConfigError` for settings that cannot be meant.
    """
    for name in dict.fromkeys((image.name, image.source)):
        settings = session.project.config.settings(name)
        if settings.image_repo or settings.publication_tag:
            return publication_of(session, image, settings, name)
    return None


def publication_of(
    session: Session, image: Image, settings: ImageSettings, section: str
) -> Publication:
    """Read the settings of an image that has some."""
    expansion = Expansion(session.project, session.environ, section)
    kind = expansion.text("image_repo", settings.image_repo or "")
    key = "publication_tag" if settings.publication_tag else "image_repo"
    origin = session.project.config.origins.get((section, key), Origin(f"[{section}]", 0))
    fields = {
        "image": image.reference.repository,
        "tag": image.reference.tag,
        "user": session.project.user,
    }
    found = Publication(
        image=image,
        name=settings.publication_tag or usual_form(kind),
        kind=kind.rstrip("/"),
        origin=origin,
        key=key,
        fields=fields,
        environ=session.environ,
        login=aws_login_of(session, section),
    )
    check_kind(found)
    cut = without_stray_quote(found.name)
    if cut != found.name:
        session.terminal.warn(
            f"{origin}: [{section}] {key} ends with a stray quote, which is left out; remove it."
        )
    policy = str(session.project.root / settings.lifecycle) if settings.lifecycle else ""
    found = replace(found, name=cut, policy=policy)
    return replace(found, new=new_repository(found, settings))


def usual_form(kind: str) -> str:
    """Give the name that an image gets at a place without being told."""
    forms = {AWS: AWS_FORM, DOCKER_HUB: HUB_FORM}
    return forms.get(kind, f"{kind.rstrip('/')}/{{image}}:{{tag}}")


def check_kind(found: Publication) -> None:
    """Raise `ConfigError` for an `image_repo` that is none."""
    host = found.kind.partition("/")[0]
    if found.kind in (AWS, DOCKER_HUB, "") or HOST.fullmatch(host):
        return
    likely = closest(found.kind.lower(), (AWS, DOCKER_HUB)) or "."
    fault = replace(found, key="image_repo").fault(f"is `{found.kind}`, which is no registry")
    raise ConfigError(
        fault.message.rstrip(".") + likely,
        f"It is aws, docker_hub or a host with a path if need be, as in `{EXAMPLE}`.",
    )


def without_stray_quote(text: str) -> str:
    """Drop a quote at the end that nothing opened, as the older tool's own example has one."""
    stray = text.endswith(tuple(STRAY)) and text.count(text[-1]) % 2
    return text[:-1].rstrip() if stray else text


def new_repository(found: Publication, settings: ImageSettings) -> NewRepository:
    """Give what a repository is like that is made; raise `ConfigError` for a bad policy."""
    policy = ""
    if found.policy:
        fault = replace(found, key="lifecycle").fault
        try:
            policy = Path(found.policy).read_text("utf-8")
            json.loads(policy)
        except OSError as error:
            raise fault(f"names {found.policy}, which is not readable: {error.strerror}") from error
        except ValueError as error:
            raise fault(f"names {found.policy}, which is no JSON") from error
    return NewRepository(bool(settings.scan_on_push), bool(settings.immutable_tags), policy)


def hub_user(user: str, found: Publication) -> str:
    """Give the name of a login at Docker Hub; raise `ConfigError` where it does not tell one."""
    if user in ("", "<token>"):
        raise found.fault(
            f"needs your name at {HUB}, and docker's login there does not tell it",
            f"Write `publication_tag = NAME/{{image}}:{{tag}}` into [{found.image.name}].",
        )
    return user


def unconfigured(image: Image) -> ConfigError:
    """Describe an image that nothing says where to publish."""
    return ConfigError(
        f"nothing says where {image.name} is published.",
        f"Write `{EXAMPLE}` (or aws, or docker_hub) into the section of {image.source}.",
    )
