"""The declaration of what is baked into an image that we put together, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from dockerutils.config.image_kinds import (
    DATE,
    STRING,
    Assignments,
    Items,
    Parsed,
    check_baked_user,
    check_label,
    read_moment,
    read_place,
    read_port,
)
from dockerutils.config.key import key
from dockerutils.config.kinds import Text, Words, check_variable

TYPES = ("venv", "debian")  # the image types that we put together without a builder
CREATED = "1980-01-01T00:00:00Z"  # where neither the key nor SOURCE_DATE_EPOCH says something else

baked_key: Any = partial(key, types=TYPES)


@dataclass(frozen=True)
class BakedSettings:
    """What an image that we put together says of itself and of its containers."""

    image_cmd: tuple[str, ...] | None = baked_key(
        Words(command=True),
        "The command that a container of the image runs; a .cfg may use the JSON form.",
        default="the base's CMD, or `bash` for `debian`; none with `image_entrypoint`",
        ini="python -m shop",
        toml='["python", "-m", "shop"]',
    )
    image_entrypoint: tuple[str, ...] | None = baked_key(
        Words(command=True),
        "The program that a container of the image starts, with the command as its arguments; an"
        " empty list takes that of the base away. A .cfg may use the JSON form.",
        default="the base's ENTRYPOINT",
        ini="gunicorn shop:app",
        toml='["gunicorn", "shop:app"]',
    )
    image_env: tuple[tuple[str, str], ...] | None = baked_key(
        Assignments("--env", check_variable),
        "Environment variables of the image, beside those of the base. Everybody who has the image"
        " can read them, also those that took their value from the environment (`$NAME`): no place"
        " for a secret, which belongs into `environment`, for the run.",
        default="the base's",
        ini="-e MODE=production -e PYTHONUNBUFFERED=1",
        toml='{ MODE = "production", PYTHONUNBUFFERED = 1 }',
    )
    image_user: str | None = baked_key(
        Text("user's name or number", check=check_baked_user),
        "Whom a container of the image runs as, with or without a group; a name has to be in the"
        " base's `/etc/passwd`.",
        default="the base's USER",
        ini="1000:1000",
        toml='"1000:1000"',
    )
    image_workdir: str | None = baked_key(
        Parsed("an absolute path", read_place),
        "The folder that a container of the image starts in.",
        default="the place of the first `project` folder, else the base's WORKDIR",
        ini="/app",
        toml='"/app"',
    )
    image_expose: tuple[str, ...] | None = baked_key(
        Items("list of port numbers", read_port, '[8000, "53/udp"]', numbers=True),
        "Ports that the image says it listens on, beside those of the base; publishing them is"
        " what `ports` does.",
        default="the base's",
        ini="8000 53/udp",
        toml='[8000, "53/udp"]',
    )
    image_labels: tuple[tuple[str, str], ...] | None = baked_key(
        Assignments("--label", check_label),
        "Labels of the image, beside those of the base.",
        default="the base's",
        ini='org.opencontainers.image.vendor="Shop Ltd." org.opencontainers.image.version=$VERSION',
        toml='["org.opencontainers.image.vendor=Shop Ltd.",'
        ' "org.opencontainers.image.version=$VERSION"]',
    )
    created: str | None = baked_key(
        Parsed("a date or `now`", read_moment, takes=(STRING, DATE)),
        "When the image says that it was created: an RFC 3339 date, or `now`, with which every"
        " build makes another image.",
        default="`SOURCE_DATE_EPOCH` of the environment, else 1980-01-01T00:00:00Z",
        ini="2024-05-01T12:00:00Z",
        toml="2024-05-01T12:00:00Z",
    )
