"""docker/dockerutils.cfg: what the seed's users have works unchanged."""

from __future__ import annotations

import configparser
from itertools import chain

import pytest
from configs import ini, ini_dev
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerutils.config.ini_lines import IniLines
from dockerutils.config.key import Key
from dockerutils.config.model import IMAGE_KEYS, Config, ImageSettings
from dockerutils.config.problems import Problems
from dockerutils.config.run_keys import RUN_KEYS, RunSettings
from dockerutils.config.words import Option

BOOLEANS = {
    True: ("True", "true", "T", "t", "YES", "yes", "y", "on", "1"),
    False: ("False", "false", "F", "f", "NO", "no", "n", "off", "0"),
}
SPELLED = [(word, truth) for truth, words in BOOLEANS.items() for word in words]


def volumes(text: str) -> tuple[Option, ...] | None:
    return ini_dev(f"volumes={text}").run.volumes


# What the seed's documentation and its users' files hold.


def test_the_seeds_own_file_is_read() -> None:
    config = ini(
        """
        [run_image]
        synthetic_images=dev

        [dev]
        name=base
        tag=latest
        volumes=-v {project_root}:/workdir -v /data:/data --mount type=bind,source=/a,target=/b
        cmd=/bin/bash -l
        """,
        folders=["base", "cicd"],
    )
    assert {
        "dev": ImageSettings(
            image="base",
            tag="latest",
            run=RunSettings(
                volumes=(
                    ("--volume", "{project_root}:/workdir"),
                    ("--volume", "/data:/data"),
                    ("--mount", "type=bind,source=/a,target=/b"),
                ),
                cmd=("/bin/bash", "-l"),
            ),
        )
    } == config.images
    assert () == config.warnings


def test_options_of_any_kind_may_stand_beside_volumes() -> None:
    expected = (("--volume", "a:/b"), ("--env", "X=1"), ("--privileged",), ("--strange", "word"))
    assert expected == volumes("-v a:/b -e X=1 --privileged --strange word")


def test_volumes_may_stand_in_several_lines_with_comments_between() -> None:
    config = ini(
        """
        [dev]
        volumes =
            -v {project_root}:/workdir
            # the data
            -v /data:/data \\
        ; and the settings
            -v "{home}/my settings:/settings"

        ports: -p 80:80
        """
    )
    run = config.images["dev"].run
    assert [
        ("--volume", "{project_root}:/workdir"),
        ("--volume", "/data:/data"),
        ("--volume", "{home}/my settings:/settings"),
    ] == list(run.volumes or ())
    assert (("--publish", "80:80"),) == run.ports


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("backend", [("--network", "backend")]),
        ("--network=host", [("--network", "host")]),
        ("--net host", [("--network", "host")]),
        ("backend --ip 10.0.0.2", [("--network", "backend"), ("--ip", "10.0.0.2")]),
        ("", []),
    ],
)
def test_a_network_is_a_name_or_options(text: str, options: list[Option]) -> None:
    assert options == list(ini_dev(f"network={text}").run.network or ())


@pytest.mark.parametrize(("word", "truth"), SPELLED)
@pytest.mark.parametrize("key", ["interactive", "init", "gpu", "keep_container", "aws"])
def test_a_boolean_is_read_in_every_spelling(key: str, word: str, truth: bool) -> None:
    assert truth is getattr(ini_dev(f"{key}={word}").run, key)


@pytest.mark.parametrize(("word", "truth"), SPELLED)
def test_false_is_false_also_for_prefix_and_pull(word: str, truth: bool) -> None:
    image = ini_dev(f"prefix={word}", f"pull_FROM_on_force={word}")
    assert (truth, truth) == (image.prefix, image.pull_FROM_on_force)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("interactive=-it", True),
        ("interactive=-ti", True),
        ("interactive=-i -t", True),
        ("interactive=--interactive --tty", True),
        ("interactive=-d", (("--detach",),)),
        ("interactive=-i", (("--interactive",),)),
        ("interactive=", False),
        ("init=--init", True),
        ("init=--init=false", False),
        ("keep_container=--rm", False),
        ("keep_container=--rm=false", True),
        ("gpu=--gpus all", (("--gpus", "all"),)),
        (
            "gpu=--runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=all",
            (("--runtime", "nvidia"), ("--env", "NVIDIA_VISIBLE_DEVICES=all")),
        ),
    ],
)
def test_a_switch_may_be_spelled_by_dockers_options(line: str, value: object) -> None:
    assert value == getattr(ini_dev(line).run, line.partition("=")[0])


def test_a_command_keeps_its_quotes_pipes_and_dollar_signs() -> None:
    image = ini_dev("""cmd=bash -c 'ps aux | grep "$$USER" > /tmp/a; echo {literal}'""")
    expected = ("bash", "-c", 'ps aux | grep "$$USER" > /tmp/a; echo {literal}')
    assert expected == image.run.cmd


def test_a_name_or_a_tag_may_stand_in_quotes_but_a_script_is_a_shells() -> None:
    image = ini_dev('name="web"', "tag='1.0'", "pre_build_script='my script'")
    assert ("web", "1.0", "'my script'") == (image.name, image.tag, image.pre_build_script)


@pytest.mark.parametrize("name", ["name", "tag", "prefix", "type", "image_repo", "user", "aws"])
def test_a_key_without_a_value_is_as_if_it_were_absent(name: str) -> None:
    assert ImageSettings() == ini_dev(f"{name}=")


@pytest.mark.parametrize("name", ["volumes", "ports", "environment", "network", "cmd", "args"])
def test_an_empty_list_is_a_value_of_its_own(name: str) -> None:
    assert () == getattr(ini_dev(f"{name}_docked=").docked, name)


@pytest.mark.parametrize("key", RUN_KEYS.values(), ids=RUN_KEYS)
def test_every_run_key_has_a_docked_variant_which_wins_where_the_terminal_is_docked(
    key: Key,
) -> None:
    image = ini_dev(f"{key.name}_docked={key.ini}")
    value = key.kind.from_ini(key.ini)
    assert (None, value) == (getattr(image.run, key.name), getattr(image.docked, key.name))
    assert value == getattr(image.running(docked=True), key.name)
    assert getattr(image.running(docked=False), key.name) is None


# Sections.


@pytest.mark.parametrize("section", ["run_image", "run-image"])
@pytest.mark.parametrize("names", ["shell,web", "shell, web", " shell ,web,", "\n  shell\n  web"])
def test_synthetic_images_are_listed_in_either_section(section: str, names: str) -> None:
    config = ini(f"[{section}]\nsynthetic_images={names}\n[shell]\nname=dev\n[web]\nname=base\n")
    assert {"shell": "dev", "web": "base"} == {
        name: image.image for name, image in config.images.items()
    }


def test_a_synthetic_image_needs_no_section_but_is_asked_what_it_is() -> None:
    config = ini("[run_image]\nsynthetic_images=shell\n")
    assert {"shell": ImageSettings()} == config.images
    assert (
        (
            "docker/dockerutils.cfg:2: [shell] has no folder in docker/ and names no other image;"
            " write `name = IMAGE`."
        ),
    ) == config.warnings


def test_a_synthetic_image_may_name_another_synthetic_one() -> None:
    config = ini("[run_image]\nsynthetic_images=a,b\n[a]\nname=b\n[b]\nname=dev\n")
    assert ("b", "dev") == (config.images["a"].image, config.images["b"].image)


def test_a_synthetic_image_may_name_an_image_by_the_name_that_it_is_built_with() -> None:
    config = ini(
        """
        [run_image]
        synthetic_images=shell, whole
        [dev]
        name=workbench
        [base]
        name=team/base
        prefix=False
        [shell]
        name=workbench
        [whole]
        name=team/base
        prefix=False
        """
    )
    assert ("dev", "base") == (config.images["shell"].image, config.images["whole"].image)
    assert () == config.warnings


def test_an_image_that_names_itself_is_not_synthetic() -> None:
    config = ini("[run_image]\nsynthetic_images=shell\n[shell]\nname=shell\ntag=1\n")
    assert ImageSettings(name="shell", tag="1") == config.images["shell"]


def test_the_name_of_a_folders_own_section_is_its_name_even_where_another_has_it() -> None:
    assert "base" == ini("[dev]\nname=base\n").images["dev"].name


def test_a_configuration_only_image_has_name_tag_and_no_prefix() -> None:
    config = ini("[notebook]\nname=jupyter/base-notebook\ntag=latest\nprefix=F\n")
    expected = ImageSettings(name="jupyter/base-notebook", tag="latest", prefix=False)
    assert expected == config.images["notebook"]
    assert () == config.warnings


def test_a_configuration_only_image_may_be_called_as_a_folder() -> None:
    config = ini("[run_image]\nsynthetic_images=other\n[other]\nname=dev\nprefix=False\n")
    assert ImageSettings(name="dev", prefix=False) == config.images["other"]


def test_a_folder_without_a_dockerfile_may_have_a_section() -> None:
    config = ini("[data]\nvolumes=-v a:/b\n", folders=["data"])
    assert (("--volume", "a:/b"),) == config.images["data"].run.volumes
    assert () == config.warnings


def test_left_over_sections_are_passed_over_with_a_warning() -> None:
    config = ini("[env_var_names]\nformat=100%\nTOKEN=x\n[dev]\ntag=1\n")
    assert {"dev": ImageSettings(tag="1")} == config.images
    assert ("docker/dockerutils.cfg:1: [env_var_names] belongs to no image; ignored.",) == (
        config.warnings
    )


def test_an_unknown_section_is_warned_of_with_the_closest_known_one() -> None:
    assert ini("[dew]\ntag=1\n").warnings == (
        "docker/dockerutils.cfg:1: [dew] belongs to no image; did you mean `dev`?",
    )


def test_the_projects_own_section_holds_its_name_and_its_substitutes() -> None:
    config = ini("[dockerutils]\nname = shop\nsubstitute = a:1=x/a:1, b=x/b\n   c=d\nnane = x\n")
    assert "shop" == config.project
    assert (("a:1", "x/a:1"), ("b", "x/b"), ("c", "d")) == config.substitute
    assert (
        "docker/dockerutils.cfg:5: [dockerutils] nane is no key that we know; did you mean `name`?",
    ) == config.warnings


def test_a_folder_called_dockerutils_is_an_image_as_any_other() -> None:
    config = ini("[dockerutils]\nname = shop\n", folders=["dockerutils"])
    assert (None, "shop") == (config.project, config.images["dockerutils"].name)


# Variables from a section.


def test_env_names_a_section_of_variables_which_environment_overrules() -> None:
    config = ini(
        """
        [dev]
        env = variables
        environment = -e B=2 -e C
        [variables]
        A = one=1
        B = 1
        Quoted = "two words"
        Bare = two words
        empty =
        """
    )
    assert [
        ("--env", "A=one=1"),
        ("--env", "Quoted=two words"),
        ("--env", "Bare=two words"),
        ("--env", "empty="),
        ("--env", "B=2"),
        ("--env", "C"),
    ] == list(config.images["dev"].run.environment or ())
    assert () == config.warnings


def test_env_holds_for_docked_terminals_as_well() -> None:
    config = ini("[dev]\nenv=v\nenvironment=-e B=2\nenvironment_docked=-e C=3\n[v]\nA=1\n")
    image = config.images["dev"]
    assert (("--env", "A=1"), ("--env", "B=2")) == image.running(False).environment
    assert (("--env", "A=1"), ("--env", "C=3")) == image.running(True).environment


def test_env_docked_takes_the_place_of_env() -> None:
    config = ini("[dev]\nenv=v\nenv_docked=w\nenvironment=-e B=2\n[v]\nA=1\n[w]\nA=9\n")
    image = config.images["dev"]
    assert (("--env", "A=1"), ("--env", "B=2")) == image.running(False).environment
    assert (("--env", "A=9"), ("--env", "B=2")) == image.running(True).environment


def test_the_name_of_the_variables_section_may_be_interpolated() -> None:
    config = ini("[dev]\nstage=test\nenv=%(stage)s_vars\n[test_vars]\nA=1\nname=dev\n")
    assert (("--env", "A=1"), ("--env", "name=dev")) == config.images["dev"].run.environment
    assert ["dev"] == list(config.images)


def test_variables_include_those_of_default_but_no_keys_of_images() -> None:
    config = ini("[DEFAULT]\nREGION=eu\ntag=1\n[dev]\nenv=v\n[v]\nA=1\n")
    assert {("--env", "A=1"), ("--env", "REGION=eu")} == set(
        config.images["dev"].run.environment or ()
    )


# configparser's own features.


def test_default_holds_for_every_section_and_can_be_undone() -> None:
    config = ini("[DEFAULT]\ntag=1\nvolumes=-v a:/b\n[dev]\n[base]\ntag=\nvolumes=\n")
    assert ("1", (("--volume", "a:/b"),)) == (
        config.images["dev"].tag,
        config.images["dev"].run.volumes,
    )
    assert (None, ()) == (config.images["base"].tag, config.images["base"].run.volumes)


def test_values_use_other_keys_and_double_percent_signs() -> None:
    config = ini("[DEFAULT]\ndata=/data\n[dev]\nvolumes=-v %(data)s:%(data)s\ncmd=date +%%Y\n")
    run = config.images["dev"].run
    assert ((("--volume", "/data:/data"),), ("date", "+%Y")) == (run.volumes, run.cmd)
    assert () == config.warnings


def test_percent_signs_do_not_matter_where_no_value_is_read() -> None:
    config = ini("[DEFAULT]\nformat=%Y\n[dev]\nnote=100% ours\ntag=1\n")
    assert "1" == config.images["dev"].tag


def test_keys_keep_their_case() -> None:
    config = ini("[dev]\nTag=1\nenv=V\n[V]\nlower=1\nUPPER=2\n")
    assert (("--env", "lower=1"), ("--env", "UPPER=2")) == config.images["dev"].run.environment
    assert (
        "docker/dockerutils.cfg:2: [dev] Tag is no key that we know; did you mean `tag`?",
    ) == config.warnings


def test_a_colon_is_a_delimiter_and_values_hold_both() -> None:
    image = ini_dev("volumes: -v /a:/b", "tag = 1.0", "environment:-e A=b:c")
    assert (("--volume", "/a:/b"),) == image.run.volumes
    assert (("--env", "A=b:c"),) == image.run.environment


def test_sections_and_keys_may_be_indented() -> None:
    config = ini("  [dev]\n  tag = 1\n  cmd = a\n    b\n  ports = -p 1:1\n")
    assert (("a", "b"), "1") == (config.images["dev"].run.cmd, config.images["dev"].tag)


def test_a_comment_behind_a_header_is_ignored() -> None:
    assert "1" == ini("[dev] # the one for development\ntag=1\n").images["dev"].tag


def test_windows_and_old_line_ends_are_line_ends() -> None:
    assert (
        ini("[dev]\ntag=1\n[base]\ncmd=a\n").images == ini("[dev]\rtag=1\r[base]\rcmd=a\r").images
    )


def test_an_empty_file_configures_nothing() -> None:
    assert Config() == ini("")
    assert Config() == ini("# nothing\n\n; yet\n")


# Warnings and origins.


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("volume=-v a:/b", "did you mean `volumes`?"),
        ("volumes_dock=-v a:/b", "did you mean `volumes_docked`?"),
        ("zzz=1", "ignored."),
        ("image=base", "did you mean"),
    ],
)
def test_an_unknown_key_is_warned_of_with_the_closest_known_one(line: str, hint: str) -> None:
    (warning,) = ini(f"[dev]\n\n{line}\n").warnings
    key = line.partition("=")[0]
    assert warning.startswith(f"docker/dockerutils.cfg:3: [dev] {key} is no key that we know; ")
    assert hint in warning


def test_a_key_in_the_wrong_section_is_told_where_it_belongs() -> None:
    (warning,) = ini("[run_image]\nvolumes=-v a:/b\n").warnings
    assert (
        "docker/dockerutils.cfg:2: [run_image] volumes has no meaning here; it belongs into the"
        " section of an image."
    ) == warning


def test_a_name_that_no_image_has_is_warned_of_with_the_closest_one() -> None:
    config = ini("[run_image]\nsynthetic_images=shell\n[shell]\nname=dew\n")
    assert "dew" == config.images["shell"].name
    assert (
        (
            "docker/dockerutils.cfg:4: [shell] name is `dew`, which is no image of this project;"
            " did you mean `dev`?"
        ),
    ) == config.warnings


def test_warnings_come_in_the_order_of_the_lines() -> None:
    warnings = ini("[dew]\n[dev]\nzzz=1\n[bass]\n[base]\nyyy=1\n").warnings
    assert ["1", "3", "4", "6"] == [warning.split(":")[1] for warning in warnings]


def test_an_empty_value_has_no_line() -> None:
    config = ini("[dev]\nuser = host\nuser_docked =\n")
    assert {("dev", ""), ("dev", "user")} == set(config.origins)


def test_every_value_knows_its_line() -> None:
    config = ini(
        """\
        [DEFAULT]
        init = no
        [run_image]
        synthetic_images = shell
        [shell]
        name = base
        cmd = [
            "bash"
          ]
        [dev]
        tag = 1
        env = vars
        [vars]
        A = 1
        """
    )
    lines = {place: origin.line for place, origin in config.origins.items()}
    assert {
        ("shell", ""): 5,
        ("shell", "init"): 2,
        ("shell", "image"): 6,
        ("shell", "cmd"): 7,
        ("dev", ""): 10,
        ("dev", "init"): 2,
        ("dev", "tag"): 11,
        ("dev", "environment"): 12,
    } == lines


INI_PIECES = st.sampled_from(
    ["[a]", "[b]", "[DEFAULT]", "[", "x", "y", "=", ":", " ", "  ", "\t", "#", ";", "\n", "\n",
     "[a]\n", "x=1\n", "y: 2\n", " z = 3\n", "% ", "\x0b", "\u2028", "\x1c"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(INI_PIECES, max_size=30).map("".join))
def test_lines_are_told_for_just_the_sections_and_keys_that_configparser_finds(text: str) -> None:
    lines = IniLines(Problems("x.cfg"))
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(lines.scan(text))
    own = parser._sections  # type: ignore[attr-defined]  # noqa: SLF001  # without [DEFAULT]'s
    places = {(section, "") for section in own}
    places |= {(section, key) for section, keys in own.items() for key in keys}
    places |= {("DEFAULT", key) for key in parser.defaults()}
    assert places == set(lines.found) - {("DEFAULT", "")}


def test_the_declaration_knows_every_key_that_was_ever_written() -> None:
    in_the_wild = """name tag prefix volumes ports network environment interactive gpu cmd args init
        keep_container build_args pull_FROM_on_force image_repo publication_tag pre_build_script
        post_build_script"""
    assert set(in_the_wild.split()) <= set(chain(IMAGE_KEYS, RUN_KEYS))
