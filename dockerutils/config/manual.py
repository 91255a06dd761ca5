"""docs/configuration.md, made from the declaration of the keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dockerutils.config.key import Key
from dockerutils.config.model import IMAGE_KEYS
from dockerutils.config.run_keys import RUN_KEYS

HEAD = """\
# Configuration

<!-- Made by bin/docs from the keys that dockerutils/config/ declares. -->

Nothing is needed where `docker/<image>/Dockerfile` is enough. What goes beyond it stands in one of
three places, which mean the same; more than one of them is an error:

- `docker/dockerutils.cfg`, a section for each image, docker's option notation in the values;
- `docker/dockerutils.toml`, a table `[image.NAME]` for each image, typed values;
- `[tool.dockerutils]` in `pyproject.toml`, with `[tool.dockerutils.image.NAME]`.

`dockerutils show IMAGE` prints the settings that hold and where each comes from.
`dockerutils migrate` prints a `.cfg` file as TOML.

## How a value comes about

- The command line beats `KEY_docked`, which beats `KEY`. *Docked* means that the terminal works on
  a remote Docker host (`DOCKER_IP` is set). `-c`, `-n` and `-a` replace; `-e`, `-v` and `-p`
  add, and for a variable the command line wins.
- In TOML the docked variant is `docked.KEY`, in a `.cfg` it is `KEY_docked`.
- In run settings `{project_root}`, `{project}`, `{user}` and `{home}` are replaced; other braces
  are literal.
- `$NAME` and `${NAME}` come from the environment, one that is not set is an error; `$$` is a
  dollar sign. A variable of a container or a build that gets its value from the environment gets it
  through docker's environment, never through a command line. (`PATH`, `HOME` and the places that
  docker reads itself, such as `DOCKER_HOST`, are the exception.) Elsewhere, in `cmd`, `volumes` or
  `args`, the value has to stand on docker's command line; printed, it stays a name.
- A `.cfg` is read by Python's configparser: `[DEFAULT]` holds for every section, `%(key)s` is
  replaced, `%%` is a percent sign, indented lines continue a value, and keys keep their case. An
  unknown key or section is passed over with a warning.
- The values of a `.cfg` are written as for a shell, with quotes where they are needed. Beside the
  options that a key is for, any other option of `docker run` may stand; in TOML a list inside the
  list holds the words of such options.
- An empty value in a `.cfg` is an empty list or a False; for a string it means that the key is
  not set.
- In TOML an unknown key is an error, and so is one that another image type has. In a `.cfg` that
  is passed over with a warning, too, or without one if it stands in `[DEFAULT]`.
- All problems of a file are reported together, each with its line.

```ini
[dev]
volumes = -v {project_root}:/workdir --shm-size 1g
volumes_docked = -v /data:/data
```

```toml
[image.dev]
volumes = ["{project_root}:/workdir", ["--shm-size", "1g"]]
docked.volumes = ["/data:/data"]
```

## The project

| key | meaning |
|---|---|
| `name` | The prefix of the images' names. Default: the folder's name, in lower case. |
| `substitute` | Images that stand in for names in Dockerfiles. |

In TOML they stand at the top, in a `.cfg` in the section `[dockerutils]`, where `substitute` has
words `NAME=IMAGE`. The environment variable `DOCKERUTILS_SUBSTITUTE` holds such words too, and
wins.

```ini
[dockerutils]
name = shop
substitute = python:3.11-slim=mirror.example/python:3.11-slim
```

```toml
name = "shop"
substitute = { "python:3.11-slim" = "mirror.example/python:3.11-slim" }
```

## Kinds of images

- A folder `docker/<image>/` with a Dockerfile is an image of the project, built by `build-image`.
- A *virtualenv* becomes an image of the project, too, where `type` is `venv`, and *Debian
  packages* where it is `debian`: without a Dockerfile, and without a folder in `docker/`. A project
  that has no other images needs no `docker/` at all if `[tool.dockerutils]` in `pyproject.toml` has
  its settings. What is baked into such an image is set by the keys that begin with `image_`; the
  keys of a run have nothing to do with that.
- A *synthetic* image is another image with run settings of its own. In a `.cfg` its `name` is that
  image, and `synthetic_images` in `[run_image]` (or `[run-image]`) lists it, separated by commas;
  a listed image needs no section.
- A *configuration-only* image exists already: `name`, `tag` and `prefix` false.

```ini
[app]
type = venv
project = src:/app
base = python:3.11-slim
image_cmd = python -m shop
ports = -p 8000:8000

[os]
type = debian
packages = python3
```

```toml
[image.app]
type = "venv"
project = ["src:/app"]
base = "python:3.11-slim"
image_cmd = ["python", "-m", "shop"]
ports = ["8000:8000"]

[image.os]
type = "debian"
packages = ["python3"]
```

```ini
[run_image]
synthetic_images = shell, notebook

[shell]
name = base
cmd = bash -l

[notebook]
name = jupyter/base-notebook
tag = latest
prefix = False
```

```toml
[image.shell]
image = "base"
cmd = ["bash", "-l"]

[image.notebook]
name = "jupyter/base-notebook"
tag = "latest"
prefix = false
```

In a `.cfg`, an image's `env` names a section whose options are environment variables; those of
`environment` win.

```ini
[dev]
env = variables
environment = -e MODE=dev

[variables]
GREETING = Good morning
```

```toml
[image.dev]
environment = { GREETING = "Good morning", MODE = "dev" }
```
"""


def manual() -> str:
    """Give the text of docs/configuration.md."""
    types = [
        part
        for image_types in dict.fromkeys(one.types for one in IMAGE_KEYS.values() if one.types)
        for part in section(
            f"Keys of an image of type {either(image_types)}", own_keys(image_types)
        )
    ]
    parts = [
        HEAD,
        *section("Keys of any image", (one for one in IMAGE_KEYS.values() if not one.types)),
        *types,
        *section("Keys of a run", RUN_KEYS.values()),
    ]
    return "\n".join(parts).rstrip() + "\n"


def own_keys(image_types: tuple[str, ...]) -> Iterator[Key]:
    """Give the keys that these types have, and no other."""
    return (one for one in IMAGE_KEYS.values() if one.types == image_types)


def either(words: tuple[str, ...]) -> str:
    """Write names for a reader, as one or the other."""
    return " or ".join(f"`{word}`" for word in words)


def section(title: str, keys: Iterable[Key]) -> Iterator[str]:
    """Give one section: a heading, then every key."""
    yield f"## {title}\n"
    for key in keys:
        yield from described(key)


def described(key: Key) -> Iterator[str]:
    """Give one key: kind, default, meaning, and an example in either spelling."""
    yield f"### `{key.name}`\n"
    yield f"*{key.kind.label[0].upper()}{key.kind.label[1:]}; default: {key.default}.*\n"
    yield f"{key.meaning}\n"
    yield f"```ini\n{key.ini_name} = {key.ini}\n```\n"
    yield f"```toml\n{key.name} = {key.toml}\n```\n"
