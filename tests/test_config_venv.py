"""Images of type venv: their keys in either spelling, and what cannot be meant."""

from __future__ import annotations

import pytest
from configs import INI_FILE, TOML_FILE, ini, ini_problems, toml, toml_problems

from dockerutils.config.image_kinds import ProjectFolder, base_place
from dockerutils.config.key import Key
from dockerutils.config.model import IMAGE_KEYS, VENV, ImageSettings

VENV_KEYS = {name: key for name, key in IMAGE_KEYS.items() if VENV in key.types}


def ini_app(*lines: str) -> ImageSettings:
    """Read lines of a section [app] of type venv."""
    return ini("\n".join(["[app]", "type = venv", *lines])).images["app"]


def toml_app(*lines: str) -> ImageSettings:
    """Read lines of a table [image.app] of type venv."""
    return toml("\n".join(["[image.app]", "type = 'venv'", *lines])).images["app"]


# The image ------------------------------------------------------------------------------------


def test_an_image_of_type_venv_needs_neither_a_folder_nor_any_key() -> None:
    for config in (ini("[app]\ntype = venv\n"), toml("[image.app]\ntype = 'venv'\n")):
        assert {"app": ImageSettings(type="venv")} == config.images
        assert () == config.warnings
        assert config.images["app"].folderless


def test_a_folder_of_the_same_name_does_no_harm() -> None:
    config = ini("[dev]\ntype = venv\nvenv = env\n")

    assert ImageSettings(type="venv", venv="env") == config.images["dev"]
    assert () == config.warnings


@pytest.mark.parametrize("name", ["app", "web"])
def test_a_synthetic_image_of_a_cfg_names_it_by_its_section_or_its_name(name: str) -> None:
    config = ini(f"[app]\ntype = venv\nname = web\n[shell]\nname = {name}\ncmd = bash\n")

    assert ("web", "app") == (config.images["app"].name, config.images["shell"].image)
    assert () == config.warnings


def test_its_own_name_makes_no_synthetic_image_of_it_even_where_another_has_that() -> None:
    app = ini("[app]\ntype = venv\nname = base\n").images["app"]

    assert ("base", None, True) == (app.name, app.image, app.folderless)


def test_it_may_have_a_whole_name() -> None:
    app = ini_app("name = example/app", "prefix = False")

    assert app.folderless


def test_a_type_of_default_makes_no_images_of_other_sections() -> None:
    config = ini("[DEFAULT]\ntype = venv\n[dev]\ntag = 1\n[left_over]\nx = 1\n")

    assert {"dev": ImageSettings(type="venv", tag="1")} == config.images
    assert [f"{INI_FILE}:5: [left_over] belongs to no image; ignored."] == [*config.warnings]


@pytest.mark.parametrize(
    ("line", "hint"), [("type = vnev", "did you mean `venv`?"), ("venv = env", "type = venv`.")]
)
def test_a_section_that_reads_like_one_is_told_what_it_lacks(line: str, hint: str) -> None:
    (warning,) = ini(f"[webapp]\n{line}\n").warnings

    assert warning.startswith(f"{INI_FILE}:1: [webapp] belongs to no image; ")
    assert warning.endswith(hint)


# Keys of another type -------------------------------------------------------------------------


@pytest.mark.parametrize("key", VENV_KEYS.values(), ids=VENV_KEYS)
def test_a_key_of_another_type_is_passed_over_in_a_cfg_whatever_its_value(key: Key) -> None:
    config = ini(f'[dev]\ntag = 1\n{key.name} = "what?\n')

    assert ImageSettings(tag="1") == config.images["dev"]
    types = " or ".join(key.types)
    expected = f"is a key of the image type {types}, and this one is dockerfile; ignored."
    assert (f"{INI_FILE}:3: [dev] {key.name} {expected}",) == config.warnings


def test_in_default_a_key_of_another_type_is_passed_over_in_silence() -> None:
    config = ini(
        """
        [DEFAULT]
        base = /data
        build_args = -q
        [dev]
        volumes = -v %(base)s:/x
        [x]
        type = venv
        """
    )

    assert (("--volume", "/data:/x"),) == config.images["dev"].run.volumes
    assert ((None, ("-q",)), ("/data", None)) == (
        (config.images["dev"].base, config.images["dev"].build_args),
        (config.images["x"].base, config.images["x"].build_args),
    )
    assert () == config.warnings


def test_default_reaches_the_variables_of_env_as_before_unless_a_key_of_the_type() -> None:
    text = (
        "[DEFAULT]\ndest = /d\ntag = 1\n[dev]\nenv = v\n[app]\ntype = venv\nenv = v\n[v]\nA = 1\n"
    )
    images = ini(text).images

    assert (("--env", "A=1"), ("--env", "dest=/d")) == images["dev"].run.environment
    assert (("--env", "A=1"),) == images["app"].run.environment


@pytest.mark.parametrize("name", VENV_KEYS)
def test_a_key_of_another_type_is_an_error_in_toml(name: str) -> None:
    types = " or ".join(IMAGE_KEYS[name].types)
    assert [
        (
            f"{TOML_FILE}:3: [dev] {name} is a key of the image type {types}, and this one is"
            " dockerfile; write `type = venv`, or leave the key out."
        )
    ] == toml_problems(f"[image.dev]\n\n{name} = {IMAGE_KEYS[name].toml}\n")


@pytest.mark.parametrize("line", ["build_args = ['-q']", "pull_FROM_on_force = true"])
def test_what_is_a_dockerfiles_is_an_error_for_a_venv_in_toml(line: str) -> None:
    (problem,) = toml_problems(f"[image.app]\ntype = 'venv'\n{line}\n")

    name = line.partition(" ")[0]
    assert problem.startswith(f"{TOML_FILE}:3: [app] {name} is a key of the image type dockerfile")


@pytest.mark.parametrize("line", ["build_args = -q", "pull_FROM_on_force = T"])
def test_what_is_a_dockerfiles_is_passed_over_for_a_venv_in_a_cfg(line: str) -> None:
    config = ini(f"[app]\ntype = venv\n{line}\n")

    assert {"app": ImageSettings(type="venv")} == config.images
    (warning,) = config.warnings
    assert warning.endswith("the image type dockerfile, and this one is venv; ignored.")


def test_a_synthetic_image_is_told_where_such_a_key_belongs() -> None:
    text = "[image.app]\ntype = 'venv'\n[image.shell]\nimage = 'app'\nimage_cmd = ['sh']\n"
    (problem,) = toml_problems(text)

    assert problem.endswith("; it belongs to `app`, which is what is made.")


def test_a_synthetic_image_has_no_type_of_its_own() -> None:
    assert [f"{TOML_FILE}:3: [shell] type cannot stand beside image: remove one of them."] == (
        toml_problems("[image.shell]\nimage = 'dev'\ntype = 'venv'\nvenv = 'x'\n")
    )


def test_a_type_that_there_is_not_is_the_only_problem() -> None:
    assert [
        f"{INI_FILE}:2: [dev] type is `conda`; the image types are: dockerfile, venv, debian."
    ] == (ini_problems("[dev]\ntype = conda\nvenv = x\nbuild_args = -q\n"))


# Values ---------------------------------------------------------------------------------------


def test_project_folders_are_pairs() -> None:
    expected = (ProjectFolder("src", "/app"), ProjectFolder("a:b", "/"), ProjectFolder(".", "/x"))

    assert expected == ini_app("project = src:/app/ a:b:/", "  .:/./x").project
    assert expected == toml_app("project = ['src:/app/', 'a:b:/', '.:/./x']").project
    assert () == ini_app("project =").project == toml_app("project = []").project


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("1048576", 1 << 20),
        ("1MiB", 1 << 20),
        ("1 mib", 1 << 20),
        ("500kB", 500_000),
        ("1.5 GiB", 3 << 29),
        ("12B", 12),
    ],
)
def test_a_size_is_bytes(text: str, bytes_: int) -> None:
    assert bytes_ == ini_app(f"min_layer = {text}").min_layer
    assert bytes_ == toml_app(f"min_layer = '{text}'").min_layer
    assert bytes_ == toml_app(f"min_layer = {bytes_}").min_layer


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "now"),
        ("2024-05-01", "2024-05-01T00:00:00Z"),
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("2024-05-01t12:00:00.999z", "2024-05-01T12:00:00Z"),
        ("2024-05-01 01:30:00+02:00", "2024-04-30T23:30:00Z"),
    ],
)
def test_a_date_is_given_in_utc(text: str, moment: str) -> None:
    assert moment == ini_app(f"created = {text}").created
    assert moment == toml_app(f"created = '{text}'").created
    if text != "now":
        assert moment == toml_app(f"created = {text}").created


@pytest.mark.parametrize("text", ["8000 53/udp", "8000/TCP 053/udp"])
def test_ports_have_their_protocol(text: str) -> None:
    assert ("8000/tcp", "53/udp") == ini_app(f"image_expose = {text}").image_expose


@pytest.mark.parametrize("key", ["image_env", "image_labels"])
@pytest.mark.parametrize("text", ["A=1 B='c d' A=2=3", "--{0} A=1 -{1} B='c d' --{0}=A=2=3"])
def test_a_name_has_one_value(key: str, text: str) -> None:
    option = {"image_env": ("env", "e"), "image_labels": ("label", "l")}[key]
    expected = (("A", "2=3"), ("B", "c d"))

    assert expected == getattr(ini_app(f"{key} = {text.format(*option)}"), key)
    assert expected == getattr(toml_app(f"{key} = ['A=1', 'B=c d', 'A=2=3']"), key)
    assert expected == getattr(toml_app(f"{key} = {{ A = '2=3', B = 'c d' }}"), key)


def test_a_value_of_the_environment_that_nobody_should_see_is_refused_with_the_reason() -> None:
    (problem,) = toml_problems(
        "[image.app]\ntype = 'venv'\nimage_env = { TOKEN = { from = 'TOKEN' } }\n"
    )

    assert "everybody who has an image can read what is baked into it" in problem
    assert 'Write TOKEN = "$TOKEN" if that may be' in problem
    assert problem.endswith("else set it in `environment`, for the run.")


def test_a_variable_without_a_value_is_refused() -> None:
    assert [
        (
            f"{INI_FILE}:3: [app] image_env gives TOKEN no value, and an image has nothing to take"
            " it from; write TOKEN=VALUE."
        )
    ] == ini_problems("[app]\ntype = venv\nimage_env = -e A=1 -e TOKEN\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("image_env = --env-file x", "holds --env-file: only --env has a meaning here."),
        ("image_labels = -l dockerutils.image=x", "are set by dockerutils itself."),
        ("image_env = =x", "does not begin with a variable's name."),
        ("project = src", "holds `src`; write FOLDER:/PLACE/IN/THE/IMAGE, such as src:/app."),
        ("dest = /", "is `/`; write a folder below it, such as /opt/venv."),
        ("dest = opt", "write an absolute path in the image, without `..`, `:` and `$`."),
        ("max_layers = 0", "is `0`; write a whole number from 1 to 100."),
        ("max_layers = ²", "is `²`; write a whole number from 1 to 100."),
        ("min_layer = 1 mile", "write a size such as 1MiB, 500kB or 1048576 (bytes)."),
        ("bytecode = yes", "is `yes`; write keep, compile or drop."),
        ("interpreter = host", "is `host`; write base or bundle."),
        ("created = tomorrow", "write now, or a date such as 2024-05-01 or 2024-05-01T12:00:00Z."),
        ("base = oci:", "names no folder; write oci:FOLDER."),
        ("image_user = a b", "write a name or a number, such as app, 1000 or 1000:1000."),
        ("image_expose = 80-90", "holds `80-90`; write a port such as 8000 or 53/udp."),
        ("exclude = ''", "holds an empty pattern, or one of several lines."),
        ('image_cmd = ["a", 1]', "has to be a list of strings in its JSON form."),
    ],
)
def test_a_value_that_is_no_good_says_what_would_be(line: str, problem: str) -> None:
    (found,) = ini_problems(f"[app]\ntype = venv\n{line}\n")

    key = line.partition(" ")[0]
    assert found.startswith(f"{INI_FILE}:3: [app] {key} ")
    assert found.endswith(problem)


@pytest.mark.parametrize("name", VENV_KEYS)
def test_a_key_without_a_value_in_a_cfg_is_empty_or_not_set(name: str) -> None:
    assert getattr(ini_app(f"{name} ="), name) in (None, ())


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        ("python:3.11-slim", "image", "python:3.11-slim"),
        ("localhost:5000/a/b@sha256:0", "image", "localhost:5000/a/b@sha256:0"),
        ("oci:build/base", "layout", "build/base"),
        ("base.tar", "archive", "base.tar"),
        ("a b.tar.gz", "archive", "a b.tar.gz"),
        ("images/base.tgz", "archive", "images/base.tgz"),
        ("./base", "archive", "./base"),
        ("../base", "archive", "../base"),
        ("/srv/base", "archive", "/srv/base"),
    ],
)
def test_a_base_is_an_image_a_layout_or_an_archive(text: str, kind: str, place: str) -> None:
    assert (kind, place) == base_place(text)
    assert text == ini_app(f'base = "{text}"').base
