"""What a virtualenv's files say about their place, here and in the image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wheels import hashed

from dockerutils.errors import ProjectError
from dockerutils.venv.record_rows import (
    Signature,
    depended_on,
    rewritten_record,
    signature,
)
from dockerutils.venv.relocation import (
    Link,
    Rewriting,
    is_left_out,
    is_rewritten,
    link,
    rewritten,
)
from dockerutils.venv.scripts import SHEBANG_LIMIT, is_binary, shebang

SITE = "lib/python3.11/site-packages"
DEST = "/opt/venv"
BODY = b"import sys\nsys.exit(0)\n"
OWN = b"#!/opt/venv/bin/python\n"
RELOCATABLE = """\
#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python3' "$0" "$@"
' '''
"""
SETTINGS = (
    """home = /usr/bin
include-system-site-packages = false
version = 3.11.2
executable = /usr/bin/python3.11
command = /usr/bin/python3 -m venv /srv/v
""",
    """home = /home/me/py/bin
implementation = CPython
uv = 0.5
version_info = 3.11.2
include-system-site-packages = false
prompt = v
relocatable = true
""",
    """home = /x
version_info = 3.11.2.final.0
virtualenv = 20.1
base-prefix = /x
base-exec-prefix = /x
base-executable = /x/python
""",
)
LONG = "/srv/" + "x" * 140


def rewriting(root: str = "/srv/v", dest: str = DEST, *moved: tuple[str, str]) -> Rewriting:
    return Rewriting(Path(root), dest, "/usr/local/bin/python3.11", (3, 11), moved=moved)


def script(text: bytes, root: str = "/srv/v", dest: str = DEST) -> bytes | None:
    return rewritten(rewriting(root, dest), "bin/tool", text)


# Scripts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "first", "expected"),
    [
        ("/srv/v", "#!/srv/v/bin/python3.11\n", OWN),
        ("/srv/v", "#!/srv/v/bin/python3\n", OWN),
        ("/srv/v", "#! /srv/v/bin/python\n", OWN),
        ("/srv/v", "#!/srv/v/bin/python\r\n", OWN),
        ("/srv/v", "#!/srv/v/bin/python -E\n", b"#!/opt/venv/bin/python -E\n"),
        ("/srv/v", "#!/srv/v/bin/python3.11 -sP\n", b"#!/opt/venv/bin/python -sP\n"),
        ("/srv/a b", '#!"/srv/a b/bin/python"\n', OWN),
        ("/srv/a b", '#!"/srv/a b/bin/python" -E\n', b"#!/opt/venv/bin/python -E\n"),
        ("/srv/a b", "#!/srv/a b/bin/python\n", OWN),
        ("/srv/a b", "#!/bin/sh\n'''exec' \"/srv/a b/bin/python\" \"$0\" \"$@\"\n' '''\n", OWN),
        ("/srv/a b", "#!/bin/sh\n'''exec' '/srv/a b/bin/python' \"$0\" \"$@\"\n' '''\n", OWN),
        (
            "/srv/it's",
            "#!/bin/sh\n'''exec' '/srv/it'\"'\"'s/bin/python' \"$0\" \"$@\"\n' '''\n",
            OWN,
        ),
        (LONG, f"#!/bin/sh\n'''exec' {LONG}/bin/python3.11 \"$0\" \"$@\"\n' '''\n", OWN),
        (
            LONG,
            f"#!/bin/sh\n'''exec' {LONG}/bin/python -E \"$0\" \"$@\"\n' '''\n",
            b"#!/opt/venv/bin/python -E\n",
        ),
        (
            "/srv/v",
            RELOCATABLE,
            OWN,
        ),
    ],
)
def test_every_form_of_a_first_line_becomes_the_same(
    root: str, first: str, expected: bytes
) -> None:
    assert expected + BODY == script(first.encode() + BODY, root)


@pytest.mark.parametrize(
    "first",
    [
        "#!/usr/bin/env python\n",
        "#!/bin/sh\n",
        "#!/usr/bin/python3\n",
        "#!/srv/other/bin/python\n",
        "#!/srv/v2/bin/python\n",
        "#!/srv/v/bin/python3.12\n",
        "#!/bin/sh\n'''exec' /usr/bin/python3 \"$0\" \"$@\"\n' '''\n",
        "",
        "#!",
    ],
)
def test_a_script_of_another_interpreter_keeps_its_first_line(first: str) -> None:
    other = first.replace("/srv/v/", "/opt/venv/").encode() + BODY

    assert other == script(first.encode() + BODY)


def test_a_place_with_spaces_gets_lines_that_a_shell_reads() -> None:
    expected = b"#!/bin/sh\n'''exec' '/opt/a venv/bin/python' -E \"$0\" \"$@\"\n' '''\n"

    made = script(b"#!/srv/v/bin/python -E\n" + BODY, dest="/opt/a venv")

    assert expected + BODY == made
    assert OWN[:-1] + b" -E\n" + BODY == rewritten(
        Rewriting(Path("/opt/a venv"), DEST, "/usr/bin/python3.11", (3, 11)), "bin/tool", made
    )


def test_a_first_line_is_never_longer_than_a_kernel_reads() -> None:
    fitting = b"/" + b"x" * (SHEBANG_LIMIT - 3)

    assert b"#!" + fitting + b"\n" == shebang(fitting, b"")
    assert b"#!/bin/sh\n" == shebang(fitting + b"x", b"").splitlines(keepends=True)[0]


def test_a_large_script_is_rewritten_to_its_end() -> None:
    filler = b"# filler\n" * 20_000

    made = script(b"#!/srv/v/bin/python\n" + filler + b"P = '/srv/v/lib'\n")

    assert OWN + filler + b"P = '/opt/venv/lib'\n" == made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exec /srv/v/bin/tool", "exec /opt/venv/bin/tool"),
        ("P=/srv/v:/srv/v/bin", "P=/opt/venv:/opt/venv/bin"),
        ("cd '/srv/v'", "cd '/opt/venv'"),
        ("file:///srv/v/x", "file:///opt/venv/x"),
        ("/srv/v2 /srv/v-1 /srv/v.old", "/srv/v2 /srv/v-1 /srv/v.old"),
        ("/home/srv/v $X/srv/v ${X}/srv/v", "/home/srv/v $X/srv/v ${X}/srv/v"),
    ],
)
def test_other_scripts_get_the_path_replaced_where_it_is_a_whole_path(
    text: str, expected: str
) -> None:
    head = b"#!/bin/sh\n"

    assert head + expected.encode() == script(head + text.encode())


def test_an_archive_behind_a_first_line_is_not_edited() -> None:
    archive = b"PK\0\0/srv/v/bin"

    assert OWN + archive == script(b"#!/srv/v/bin/python3\n" + archive)


def test_only_what_is_compiled_is_binary() -> None:
    assert is_binary(b"\x7fELF\x02\x01\x01\0\0")
    assert not is_binary(b"#!/srv/v/bin/python\nPK\0")
    assert not is_binary("#!/bin/sh\necho ä\n".encode())


def test_a_virtualenv_behind_a_link_is_known_by_both_paths(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    text = f"{tmp_path}/real/x {tmp_path}/link/y".encode()

    assert b"/opt/venv/x /opt/venv/y" == script(text, str(tmp_path / "link"))


def test_a_folder_inside_the_virtualenv_may_have_a_place_of_its_own() -> None:
    given_ = rewriting("/srv/v", DEST, ("/srv/v/src/a", "/src/a"))

    assert "/src/a/b" == given_.place("/srv/v/src/a/b")
    assert b"/src/a/b /opt/venv/src" == given_.text(b"/srv/v/src/a/b /srv/v/src")


# Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_are_the_same_whoever_wrote_them(text: str) -> None:
    expected = "home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n"

    assert expected.encode() == rewritten(rewriting(), "pyvenv.cfg", text.encode())


def test_settings_keep_the_sight_of_the_systems_packages() -> None:
    text = b"home = /usr/bin\ninclude-system-site-packages = True\nversion = 3.11.2\n"

    assert b"include-system-site-packages = true\n" in (
        rewritten(rewriting(), "pyvenv.cfg", text) or b""
    )


# Links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("bin/python", "/usr/bin/python3.11", Link(*["/usr/local/bin/python3.11"] * 2)),
        ("bin/python3", "/usr/bin/python3.11", Link("python", "/opt/venv/bin/python")),
        ("bin/python3.11", "", Link("python", "/opt/venv/bin/python")),  # a copy
        ("bin/𝜋thon", "python3.14", Link("python", "/opt/venv/bin/python")),
        ("lib64", "lib", Link("lib", "/opt/venv/lib")),
        ("bin/a", "/srv/v/bin/b", Link("/opt/venv/bin/b", "/opt/venv/bin/b")),
        ("bin/a", "../lib/b", Link("../lib/b", "/opt/venv/lib/b")),
        ("bin/a", "../../w/b", Link("/src/w/b", "/src/w/b")),
        ("bin/a", "/srv/w", Link("/src/w", "/src/w")),
    ],
)
def test_links_lead_to_the_same_things_in_the_image(path: str, target: str, expected: Link) -> None:
    given_ = rewriting("/srv/v", DEST, ("/srv/w", "/src/w"))

    assert expected == link(given_, Path("/srv/v"), DEST, path, target)


@pytest.mark.parametrize("target", ["/usr/share/x", "../../x", "/srv/v2/x", "/srv/v/../x"])
def test_a_link_out_of_the_image_is_an_error_that_names_it(target: str) -> None:
    with pytest.raises(ProjectError, match="share/a in /srv/v is a link to") as raised:
        link(rewriting(), Path("/srv/v"), DEST, "share/a", target)

    assert "exclude" in raised.value.hint


def test_a_projects_links_are_seen_from_its_own_folder() -> None:
    app = Path("/srv/app")

    assert Link("b", "/app/b") == link(rewriting(), app, "/app", "a", "b")
    assert Link("/app/b", "/app/b") == link(rewriting(), app, "/app", "a", "/srv/app/b")
    assert Link("/opt/venv/b", "/opt/venv/b") == link(rewriting(), app, "/app", "a", "../v/b")
    assert Link("x", "/app/bin/x") == link(rewriting(), app, "/app", "bin/python", "x")


# Editable and local packages -----------------------------------------------------------------

MOVED = rewriting("/srv/v", DEST, ("/srv/my src", "/opt/venv/src/mine"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/srv/my src/src\n", "/opt/venv/src/mine/src\n"),
        ("../../../../my src\n", "/opt/venv/src/mine\n"),
        ("sub/folder\n", "sub/folder\n"),
        ("../site-packages/sub\n", "../site-packages/sub\n"),
        (
            "import sys; sys.path.append('/srv/v/x')\n",
            "import sys; sys.path.append('/opt/venv/x')\n",
        ),
        ("/elsewhere\n", "/elsewhere\n"),
    ],
)
def test_pth_files_name_folders_of_the_image(line: str, expected: str) -> None:
    text = f"# two lines\n{line}".encode()

    assert f"# two lines\n{expected}".encode() == rewritten(MOVED, f"{SITE}/a.pth", text)


def test_finders_and_egg_links_name_folders_of_the_image() -> None:
    finder = b"MAPPING: dict = {'mine': '/srv/my src/mine', 'other': '/srv/my srcs'}\n"
    expected = b"MAPPING: dict = {'mine': '/opt/venv/src/mine/mine', 'other': '/srv/my srcs'}\n"

    assert expected == rewritten(MOVED, f"{SITE}/__editable___mine_1_0_finder.py", finder)
    assert b"/opt/venv/src/mine\n." == rewritten(MOVED, f"{SITE}/m.egg-link", b"/srv/my src\n.")


def test_folders_are_found_as_python_source_and_urls_write_them() -> None:
    source = "/srv/it's\\x"
    given_ = rewriting("/srv/v", DEST, (source, "/a b"))

    text = f"P = {source!r}; U = 'file:///srv/it%27s%5Cx/y'".encode()

    assert b"P = \"/a b\"; U = 'file:///a%20b/y'" == given_.text(text)


def origin(url: str, **more: object) -> dict[str, object] | None:
    facts = json.dumps({"url": url, **more}, indent=1).encode()
    made = rewritten(MOVED, f"{SITE}/mine-1.0.dist-info/direct_url.json", facts)
    return None if made is None else json.loads(made)


def test_origins_here_become_origins_in_the_image() -> None:
    editable = {"dir_info": {"editable": True}}

    assert {"url": "file:///opt/venv/src/mine", **editable} == origin(
        "file:///srv/my%20src", **editable
    )
    assert origin("file:///home/me/mine-1.0.whl", archive_info={}) is None
    assert {"url": "https://host/x.git"} == origin("https://host/x.git")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"url": 3}', b"\xff", b'{"url": null}'])
def test_an_origin_that_says_nothing_stays(text: bytes) -> None:
    path = f"{SITE}/mine-1.0.dist-info/direct_url.json"

    assert text == rewritten(MOVED, path, text)


# Which files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "bin/activate",
        "bin/activate.fish",
        "bin/activate_this.py",
        "bin/Activate.ps1",
        "bin/__pycache__/x.cpython-311.pyc",
        ".lock",
        ".gitignore",
        f"{SITE}/a-1.0.dist-info/REQUESTED",
        f"{SITE}/a-1.0.dist-info/uv_cache.json",
    ],
)
def test_what_only_this_machine_needs_is_left_out(path: str) -> None:
    assert is_left_out(path)


@pytest.mark.parametrize(
    "path",
    [
        "bin/python",
        "bin/reactivate",
        "share/.lock",
        f"{SITE}/a/REQUESTED",
        f"{SITE}/a-1.0.dist-info/INSTALLER",
        f"{SITE}/a-1.0.dist-info/sub/REQUESTED",
        f"{SITE}/bin/activate",
    ],
)
def test_what_an_image_needs_is_not_left_out(path: str) -> None:
    assert not is_left_out(path)


def test_few_files_know_their_place() -> None:
    known = ["bin/x", "pyvenv.cfg", f"{SITE}/a.pth", f"{SITE}/a-1.dist-info/RECORD"]
    known += [f"{SITE}/__editable___a_finder.py", f"{SITE}/a-1.dist-info/direct_url.json"]
    others = [f"{SITE}/a/b.pth", f"{SITE}/a/RECORD", f"{SITE}/a_finder.py", "lib64", "etc/a.pth"]

    assert known == [path for path in known + others if is_rewritten(path)]


# Lists of files ------------------------------------------------------------------------------

RECORD = f"{SITE}/a-1.dist-info/RECORD"


def record(text: str, given_: Rewriting = MOVED, **now: Signature | None) -> str:
    """Rewrite a list; `now` has the new signatures by the names of files without their endings."""

    def signed(path: str, old: Signature) -> Signature | None:
        return now.get(Path(path).stem, old)

    return rewritten_record(given_, RECORD, text.encode(), signed).decode()


def test_a_list_is_sorted_and_has_what_is_in_the_image() -> None:
    text = (
        "b/x.py,sha256=x,1\r\n"
        "a-1.dist-info/RECORD,,\r\n"
        "a-1.dist-info/INSTALLER,sha256=i,4\r\n"
        "a-1.dist-info/REQUESTED,sha256=r,0\r\n"
        "b/__pycache__/x.cpython-311.pyc,,\r\n"
        "../../../bin/__pycache__/t.cpython-311.pyc,,\r\n"
        "../../../bin/tool,sha256=t,9\r\n"
        "../../../../outside,sha256=o,9\r\n"
        "/etc/outside,sha256=o,9\r\n"
        '"b/comma,name.txt",sha256=c,2\r\n'
    )

    assert (
        "../../../bin/tool,sha256=new,10\n"
        "a-1.dist-info/INSTALLER,sha256=i,4\n"
        "a-1.dist-info/RECORD,,\n"
        '"b/comma,name.txt",sha256=c,2\n'
        "b/x.py,sha256=x,1\n"
    ) == record(text, tool=("sha256=new", "10"))


def test_absolute_names_in_a_list_become_relative_ones() -> None:
    assert "../../../bin/t,sha256=n,1\nb.py,sha256=b,2\n" == record(
        f"/srv/v/bin/t,sha256=t,1\n/srv/v/{SITE}/b.py,sha256=b,2\n", t=("sha256=n", "1")
    )


def test_a_list_has_a_signed_module_only_if_it_is_there() -> None:
    text = "b/x.pyc,sha256=x,1\nb/y.pyc,sha256=y,1\n"

    assert "b/x.pyc,sha256=x,1\n" == record(text, y=None)


def test_a_list_has_nothing_that_the_user_excluded() -> None:
    given_ = Rewriting(
        Path("/srv/v"), DEST, "/p", (3, 11), left_out=frozenset({f"{SITE}/b/tests/x.py"})
    )

    assert "b/y.py,h,1\n" == record("b/tests/x.py,h,1\nb/y.py,h,1\n", given_)


def test_a_list_depends_on_the_scripts_that_it_names() -> None:
    text = b"../../../bin/tool,sha256=t,9\nb/bin/x,sha256=x,1\na.pth,sha256=p,1\nx,,\n"

    assert [f"{SITE}/a.pth", "bin/tool"] == sorted(
        depended_on(MOVED, RECORD, text), key=lambda path: path.startswith("bin/")
    )
    assert [] == depended_on(MOVED, RECORD, b"x.py,sha256=t,9\n")


def test_a_signature_is_that_of_the_specification() -> None:
    assert (hashed(b"text"), "4") == signature(b"text")


@given(st.lists(st.text(st.characters(exclude_characters="\0\r\n/"), min_size=1), unique=True))
def test_a_list_can_be_rewritten_again(names: list[str]) -> None:
    text = "".join('"b/{}x",sha256=a,1\n'.format(name.replace('"', '""')) for name in names)

    once = record(text.encode("utf-8", "replace").decode())

    assert once == record(once)
