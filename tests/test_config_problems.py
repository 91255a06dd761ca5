"""What is wrong in a configuration: all of it together, each with its place and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import INI_FILE, TOML_FILE, ini_problems, toml_problems
from projects import CommandLine, Projects

from dockerutils.config.load import load_config
from dockerutils.config.model import Config
from dockerutils.errors import USAGE, ConfigError
from dockerutils.startup import open_project

INI = "[dev]\ntag=1\n"
TOML = "[image.dev]\ntag = '1'\n"
PYPROJECT = "[tool.dockerutils.image.dev]\ntag = '1'\n"


def test_every_kind_of_fault_in_a_cfg_is_told_at_once_in_the_order_of_the_lines() -> None:
    problems = ini_problems(
        """\
        tag = 1
        [DEFAULT]
        image_repo = 50%
        [dev]
        volumes = a:/b
        tag = not a tag
        tag = 2
        just words
        environment = -e =1
        ports = -p '80
        init = maybe
        network =
            n
            m
        gpu = all
        env = missing
        user = root
        cmd = [1]
        args = -v
        [base]
        prefix = perhaps
        pre_build_script = %(nothing)s
        post_build_script = %(post_build_script)s
        [dev]
        [x]
        name = y
        [y]
        name = x
        [z]
        name = Not A Name
        prefix = False
        [dockerutils]
        substitute = a
        """
    )
    at = f"{INI_FILE}:"
    boolean = "has to be True or False, not"
    image = "which no option takes: docker would run it as the image"
    assert [
        f"{at}1: stands before the first [section]; write one above it.",
        (
            f"{at}3: [DEFAULT] image_repo has a percent sign that begins no %(key)s; write %% for a"
            " percent sign."
        ),
        f"{at}5: [dev] volumes holds `a:/b`, {image}; write `--volume VALUE`.",
        f"{at}7: [dev] tag is set twice; the first is in line 6: keep one.",
        f"{at}8: cannot be read: `just words`; write `key = value`.",
        (
            f"{at}9: [dev] environment holds `=1`, which does not begin with a variable's name;"
            " write `-e NAME=VALUE`."
        ),
        f"{at}10: [dev] ports has a quote that is not closed; close it, or write \\ before it.",
        f"{at}11: [dev] init holds `maybe`, {image}; write True, False or docker's options.",
        f"{at}12: [dev] network holds `m`, {image}; write `--network VALUE`.",
        f"{at}15: [dev] gpu holds `all`, {image}; write True, False or docker's options.",
        f"{at}16: [dev] env names the missing section [missing]; write it, or leave the key out.",
        f"{at}17: [dev] user is `root`; write host, image, or a number such as 1000 or 1000:1000.",
        f"{at}18: [dev] cmd has to be a list of strings in its JSON form.",
        f"{at}19: [dev] args gives --volume no value.",
        f"{at}21: [base] prefix {boolean} `perhaps`.",
        (
            f"{at}22: [base] pre_build_script uses %(nothing)s, a key that neither its section nor"
            " [DEFAULT] has; write %% for a percent sign."
        ),
        f"{at}23: [base] post_build_script uses itself; write %% for a percent sign.",
        f"{at}24: [dev] stands twice; the first is in line 4: keep one.",
        f"{at}26: [x] name names a circle: x → y → x; let one name a folder of docker/.",
        (
            f"{at}30: [z] name is `Not A Name`, which docker refuses as an image name: lower-case"
            " letters, digits and single `.`, `_`, `-` or `/` between them."
        ),
        f"{at}33: [dockerutils] substitute holds `a`; write NAME=REPLACEMENT.",
    ] == problems


def test_every_kind_of_fault_in_toml_is_told_at_once_in_the_order_of_the_lines() -> None:
    problems = toml_problems(
        """\
        nane = "shop"
        [image.dev]
        volumes = "a:/b"
        tag = "not a tag"
        environment = { A = true }
        docked.ports = [true]
        cdm = []
        [image.x]
        image = "y"
        [image.y]
        image = "x"
        [image.z]
        name = "Not A Name"
        prefix = false
        [image.w]
        image = "dew"
        """
    )
    expected = [
        (1, "nane is no key"),
        (3, "[dev] volumes has to be a list"),
        (4, "[dev] tag is `not a tag`"),
        (5, "[dev] environment has to give A a string"),
        (6, "[dev] ports has to hold strings"),
        (7, "[dev] cdm is no key"),
        (9, "[x] image names a circle"),
        (13, "[z] name is `Not A Name`"),
        (16, "[w] image names `dew`"),
    ]
    for (line, words), problem in zip(expected, problems, strict=True):
        assert problem.startswith(f"{TOML_FILE}:{line}: {words}")


def test_a_circle_of_several_synthetic_images_is_told_once() -> None:
    config = "[image.a]\nimage='b'\n[image.b]\nimage='c'\n[image.c]\nimage='b'\n"
    assert [
        f"{TOML_FILE}:4: [b] image names a circle: b → c → b; let one name a folder of docker/."
    ] == toml_problems(config)


def test_an_image_may_not_name_itself_in_toml() -> None:
    assert [
        f"{TOML_FILE}:2: [a] image names a circle: a → a; let one name a folder of docker/."
    ] == toml_problems("[image.a]\nimage = 'a'\n")


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ([INI_FILE, TOML_FILE], f"{INI_FILE} and {TOML_FILE}"),
        ([INI_FILE, "pyproject.toml"], f"{INI_FILE} and pyproject.toml"),
        ([TOML_FILE, "pyproject.toml"], f"{TOML_FILE} and pyproject.toml"),
        ([INI_FILE, TOML_FILE, "pyproject.toml"], f"{INI_FILE}, {TOML_FILE} and pyproject.toml"),
    ],
)
@pytest.mark.parametrize("faulty", [False, True])
def test_more_than_one_spelling_is_an_error_that_names_them_even_where_one_is_faulty(
    projects: Projects, files: list[str], named: str, faulty: bool
) -> None:
    texts = {INI_FILE: INI, TOML_FILE: TOML, "pyproject.toml": PYPROJECT}
    made = {file: texts[file] for file in files}
    made[files[-1]] += "[nonsense" if faulty else ""
    root = projects.make(made)
    with pytest.raises(ConfigError) as caught:
        load_config(root, ["dev"])
    assert f"{named} configure this project at once." == caught.value.message
    assert "Keep one of them" in caught.value.hint


def test_a_pyproject_without_our_table_is_no_second_spelling(projects: Projects) -> None:
    root = projects.make({INI_FILE: INI, "pyproject.toml": "[project]\nname = 'dockerutils-x'\n"})
    assert "1" == load_config(root, ["dev"]).settings("dev").tag


def test_a_project_without_any_of_the_files_is_not_configured(projects: Projects) -> None:
    assert Config() == load_config(projects.make(), ["dev"])


@pytest.mark.parametrize(
    ("file", "text"), [(INI_FILE, INI), (TOML_FILE, TOML), ("pyproject.toml", PYPROJECT)]
)
class TestFiles:
    """The file itself, in each spelling."""

    def read(self, projects: Projects, file: str, content: bytes) -> Config:
        return load_config(projects.make({file: content}), ["dev"])

    def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(
        self, projects: Projects, file: str, text: str
    ) -> None:
        content = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
        config = self.read(projects, file, content)
        assert ("1", Path(file)) == (config.settings("dev").tag, config.file)

    def test_an_empty_file_is_no_fault(self, projects: Projects, file: str, text: str) -> None:
        del text
        assert Config() == self.read(projects, file, b"")

    def test_a_byte_that_is_no_utf_8_is_told_with_its_line(
        self, projects: Projects, file: str, text: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            self.read(projects, file, text.encode() + "# café".encode("latin-1"))
        assert f"{file}:3: holds a byte that is no UTF-8." == caught.value.message
        assert "Save the file as UTF-8." == caught.value.hint

    def test_a_folder_in_its_place_is_told(self, projects: Projects, file: str, text: str) -> None:
        del text
        root = projects.make()
        (root / file).mkdir(parents=True)
        with pytest.raises(ConfigError, match=r"cannot be read: Is a directory\.$"):
            load_config(root, ["dev"])

    def test_a_link_to_nowhere_is_told(self, projects: Projects, file: str, text: str) -> None:
        del text
        root = projects.make()
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).symlink_to("nowhere")
        with pytest.raises(ConfigError, match=r"cannot be read: No such file or directory\.$"):
            load_config(root, ["dev"])


def test_a_fault_ends_a_command_with_the_status_of_usage_and_without_a_traceback(
    projects: Projects, command_line: CommandLine
) -> None:
    root = projects.images("dev", config="[dev]\ntag=a b\ninit=maybe\n[dew]\n")
    result = command_line(root, "show", "dev")
    assert (USAGE, "") == (result.status, result.out)
    lines = result.err.splitlines()
    assert f"{INI_FILE} has 2 problems:" in lines[0]
    assert lines[1].startswith(f"  {INI_FILE}:2: [dev] tag is `a b`")
    assert lines[2].startswith(f"  {INI_FILE}:3: [dev] init holds `maybe`")
    assert lines[3].startswith(f"  warning: {INI_FILE}:4: [dew] belongs to no image")
    assert "docs/configuration.md" in lines[4]


def test_warnings_are_said_and_the_command_goes_on(
    projects: Projects, command_line: CommandLine
) -> None:
    root = projects.images("dev", config="[dev]\nvolume=-v a:/b\n")
    result = command_line(root, "show", "dev")
    assert 0 == result.status
    assert (
        f"# warning: {INI_FILE}:2: [dev] volume is no key that we know; did you mean `volumes`?\n"
    ) == result.err


def test_warnings_are_told_along_with_faults(projects: Projects) -> None:
    root = projects.images("dev", config='[dev]\nvolums=-v x\ncmd="unclosed\n')

    with pytest.raises(ConfigError) as caught:
        open_project(root, user="alice", home="/home/alice")

    assert "warning: docker/dockerutils.cfg:2: [dev] volums" in caught.value.message
    assert "docker/dockerutils.cfg:3: [dev] cmd" in caught.value.message
