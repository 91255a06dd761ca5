"""What the options of a run mean on a dock."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerutils.docks.binds import move_binds, published_ports

ROOTS = (Path("/home/alice/shop"), Path("/real/shop"))
TARGET = "/data/workspaces/alice/code/shop"


@pytest.mark.parametrize(
    ("option", "moved"),
    [
        (("--volume", "/home/alice/shop:/w"), ("--volume", f"{TARGET}:/w")),
        (("--volume", "/home/alice/shop/:/w"), ("--volume", f"{TARGET}:/w")),
        (("--volume", "/home/alice/shop/src:/w:ro"), ("--volume", f"{TARGET}/src:/w:ro")),
        (("--volume", "/real/shop/a/../b:/w"), ("--volume", f"{TARGET}/b:/w")),
        (("--volume", ".:/w"), ("--volume", f"{TARGET}:/w")),
        (("--volume", "./src:/w"), ("--volume", f"{TARGET}/src:/w")),
        (
            ("--mount", "type=bind,source=/home/alice/shop/x,target=/w,readonly"),
            ("--mount", f"type=bind,source={TARGET}/x,target=/w,readonly"),
        ),
        (
            ("--mount", "type=bind,src=src,dst=/w"),
            ("--mount", f"type=bind,src={TARGET}/src,dst=/w"),
        ),
        (
            ("--mount", '"type=bind","source=/home/alice/shop/a,b",target=/w'),
            ("--mount", f'type=bind,"source={TARGET}/a,b",target=/w'),
        ),
    ],
)
def test_a_mount_of_the_project_is_moved(option: tuple[str, str], moved: tuple[str, str]) -> None:
    found = move_binds([option], ROOTS, TARGET)

    assert (moved,) == found.options
    assert () == found.outside
    assert 1 == len(found.inside)


@pytest.mark.parametrize(
    ("option", "outside"),
    [
        (("--volume", "/home/alice/shopping:/w"), "/home/alice/shopping"),
        (("--volume", "../other:/w"), "../other"),
        (("--volume", "/:/w"), "/"),
        (("--mount", "type=bind,source=/etc,target=/w"), "/etc"),
        (("--volume", "named:/w"), ""),
        (("--volume", "/only/inside"), ""),
        (("--mount", "type=volume,source=/home/alice/shop,target=/w"), ""),
        (("--mount", "source=src,target=/w"), ""),
        (("--mount", "type=tmpfs,target=/w"), ""),
        (("--env", "/home/alice/shop:/w"), ""),
        (("--privileged",), ""),
        (("--mount", ""), ""),
    ],
)
def test_another_option_stays(option: tuple[str, ...], outside: str) -> None:
    found = move_binds([option], ROOTS, TARGET)

    assert (option,) == found.options
    assert ((), (outside,) if outside else ()) == (found.inside, found.outside)


def test_the_paths_in_the_project_are_told() -> None:
    options = [
        ("--volume", "/home/alice/shop:/a"),
        ("--volume", "./x/y:/b"),
        ("--volume", "./x/y:/c"),
    ]

    assert ("", "x/y") == move_binds(options, ROOTS, "").inside


def test_a_project_at_the_root_of_all() -> None:
    assert ("src",) == move_binds([("--volume", "/src:/a")], (Path("/"),), "/t").inside


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("8080:80", [8080]),
        ("127.0.0.1:8080:80/tcp", [8080]),
        ("[::1]:8080:80", [8080]),
        ("8080-8082:80-82", [8080, 8081, 8082]),
        ("80", []),
        ("127.0.0.1::80", []),
        ("odd", []),
        ("1-99999:1-99999", list(range(1, 101))),
    ],
)
def test_published_ports_are_known(text: str, ports: list[int]) -> None:
    assert ports == published_ports([("--publish", text), ("--env", "1:2")])
