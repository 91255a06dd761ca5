"""What the settings of an image say is baked into it, with their variables replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from dockerutils.config.baked_keys import CREATED
from dockerutils.config.image_kinds import NOW, read_moment
from dockerutils.config.model import ImageSettings
from dockerutils.config.template import names_environment
from dockerutils.errors import ConfigError
from dockerutils.expansion import Expansion
from dockerutils.images.baked import Baked, Late

EPOCH = "SOURCE_DATE_EPOCH"  # seconds; reproducible-builds.org


def plain(expansion: Expansion, key: str, text: str) -> str:
    """Replace the variables of a value that is baked in, where everybody can read it."""
    return str.__str__(expansion.text(key, text))


def baked_of(settings: ImageSettings, expansion: Expansion, late: bool = False) -> Baked:
    """Give what the keys that begin with `image_` say.

    `late` leaves what comes from the environment as it is written, for somebody to read.
    """

    def text(key: str, value: str) -> str:
        if late and names_environment(value):
            return Late(expansion.scope.describe(value))
        return plain(expansion, key, value)

    def words(key: str, given: Iterable[str] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(text(key, one) for one in given)

    def pairs(key: str, given: tuple[tuple[str, str], ...] | None) -> tuple[tuple[str, str], ...]:
        return tuple((name, text(key, value)) for name, value in given or ())

    return Baked(
        variables=pairs("image_env", settings.image_env),
        cmd=words("image_cmd", settings.image_cmd),
        entrypoint=words("image_entrypoint", settings.image_entrypoint),
        user=settings.image_user,
        workdir=settings.image_workdir,
        expose=settings.image_expose or (),
        labels=pairs("image_labels", settings.image_labels),
    )


def created_of(settings: ImageSettings, environ: Mapping[str, str]) -> str:
    """Tell when an image is said to be made: `now`, or a date as RFC 3339 writes it."""
    written, epoch = settings.created, environ.get(EPOCH)
    if written or not epoch:
        return written or CREATED
    try:
        moment = datetime.fromtimestamp(int(epoch), timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigError(f"the environment variable {EPOCH} is `{epoch}`, no time.") from error
    return read_moment(moment.isoformat())


def moment(created: str) -> str:
    """Give a date for what may be `now`."""
    if created != NOW:
        return created
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
