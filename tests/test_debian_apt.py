"""What this machine's apt is told of archives, in both styles, and what archives say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from debian_houses import HTTP

from dockerutils.debian.apt_sources import (
    AptMachine,
    AptSource,
    one_line_sources,
    stanza_sources,
)
from dockerutils.errors import ProjectError

STANZAS = f"""\
Types: deb deb-src
# a comment, as apt allows it
URIs: {HTTP}mirror.test/debian {HTTP}other.test/debian
Suites: trixie trixie-updates
Components: main contrib
Signed-By: /etc/apt/keyrings/own.gpg
 /etc/apt/keyrings/second.gpg

Enabled: no
Types: deb
URIs: {HTTP}off.test
Suites: trixie
Components: main

Types: deb-src
URIs: {HTTP}sources.test
Suites: trixie
Components: main
"""


def machine(
    tmp_path: Path,
    sources: str = "",
    codename: str = "bookworm",
    more: Mapping[str, str] | None = None,
) -> AptMachine:
    """Make a machine with this sources.list, and more files in sources.list.d."""
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text(f'ID=debian\nVERSION_CODENAME="{codename}"\n')
    (tmp_path / "etc/apt/sources.list").write_text(sources)
    for name, text in (more or {}).items():
        (tmp_path / "etc/apt/sources.list.d" / name).write_text(text)
    return AptMachine(tmp_path)


def lines(found: tuple[AptSource, ...]) -> list[str]:
    return [one.line for one in found]


# Reading ------------------------------------------------------------------------------------


def test_the_one_line_style_is_read_with_its_options() -> None:
    text = f"""
    # deb {HTTP}comment.test bookworm main
    deb   [ signed-by=/k.gpg arch=amd64 trusted=yes ]  {HTTP}a.test/debian/  sid main contrib # end
    deb {HTTP}b.test bookworm main
    deb-src {HTTP}c.test bookworm main
    deb {HTTP}flat.test ./
    """

    assert [
        f"deb [signed-by=/k.gpg trusted=yes] {HTTP}a.test/debian/ sid main contrib",
        f"deb {HTTP}b.test bookworm main",
    ] == [one.line for one in one_line_sources(text)]


def test_the_style_of_stanzas_is_read_for_each_address_and_release() -> None:
    signed = "deb [signed-by=/etc/apt/keyrings/own.gpg,/etc/apt/keyrings/second.gpg]"
    expected = [
        f"{signed} {HTTP}{host}.test/debian {suite} main contrib"
        for host in ("mirror", "other")
        for suite in ("trixie", "trixie-updates")
    ]

    assert expected == [one.line for one in stanza_sources(STANZAS)]


def test_an_archive_is_asked_where_it_signs_itself() -> None:
    source = AptSource(f"{HTTP}a.test/debian/", "bookworm", ("main",))

    assert f"{HTTP}a.test/debian/dists/bookworm/InRelease" == source.release


# Choosing -----------------------------------------------------------------------------------


def test_a_release_comes_with_its_updates_and_security_fixes_and_nothing_else(
    tmp_path: Path,
) -> None:
    text = f"""\
deb {HTTP}a.test/debian bookworm main
deb {HTTP}a.test/debian bookworm-updates main
deb {HTTP}a.test/debian bookworm-backports main
deb {HTTP}a.test/security bookworm-security main
deb {HTTP}vendor.test/linux bookworm stable
deb {HTTP}a.test/debian trixie main
"""
    found = machine(tmp_path, text).sources("bookworm")

    assert ["bookworm", "bookworm-updates", "bookworm-security"] == [one.suite for one in found]


def test_another_release_comes_from_the_archives_of_the_machines_own(tmp_path: Path) -> None:
    text = f"""\
deb [signed-by=/k.gpg] {HTTP}a.test/debian bookworm main
deb {HTTP}a.test/security bookworm-security main
"""
    apt = machine(tmp_path, text)

    assert [
        f"deb [signed-by=/k.gpg] {HTTP}a.test/debian trixie main",
        f"deb {HTTP}a.test/security trixie-security main",
    ] == lines(apt.sources("trixie"))
    assert [f"deb [signed-by=/k.gpg] {HTTP}a.test/debian sid main"] == lines(apt.sources("sid"))


def test_both_styles_count_and_what_is_there_twice_counts_once(tmp_path: Path) -> None:
    one = f"deb {HTTP}a.test/debian bookworm main\n"
    stanza = f"Types: deb\nURIs: {HTTP}b.test/debian\nSuites: bookworm\nComponents: main\n"
    apt = machine(tmp_path, one, more={"a.list": one, "b.sources": stanza})

    expected = [one.strip(), f"deb {HTTP}b.test/debian bookworm main"]
    assert expected == lines(apt.sources("bookworm"))


def test_a_machine_without_such_an_archive_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="name no archive with the release trixie"):
        machine(tmp_path, f"deb {HTTP}v.test x stable\n").sources("trixie")


def test_a_password_in_an_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    apt = machine(tmp_path, f"deb {HTTP}me:geheim@a.test/debian bookworm main\n")
    with pytest.raises(ProjectError, match="password") as caught:
        apt.sources("bookworm")

    assert "geheim" not in caught.value.message + caught.value.hint
    assert "auth.conf.d" in caught.value.hint


def test_a_key_inside_of_a_stanza_is_refused(tmp_path: Path) -> None:
    stanza = f"""\
Types: deb
URIs: {HTTP}a.test/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
"""
    apt = machine(tmp_path, more={"a.sources": stanza})
    with pytest.raises(ProjectError, match="key inside"):
        apt.sources("bookworm")


# The machine --------------------------------------------------------------------------------


def test_the_machines_own_release_is_the_one_that_it_says(tmp_path: Path) -> None:
    assert "trixie" == machine(tmp_path, codename="trixie").suite
    assert "" == AptMachine(tmp_path / "none").suite


def test_the_dates_of_the_archives_are_those_that_apt_has_seen(tmp_path: Path) -> None:
    apt, lists = machine(tmp_path), tmp_path / "var/lib/apt/lists"
    lists.mkdir(parents=True)
    date = "Sat, 11 Jul 2026 10:16:37 UTC"
    signed = f"-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: Debian\nDate: {date}\n"
    for name in ("debian_dists_bookworm", "security_dists_bookworm-security", "x_dists_trixie"):
        (lists / f"mirror.test_{name}_InRelease").write_text(signed)

    assert {"bookworm": date, "bookworm-security": date} == apt.dates("bookworm")
    assert {} == AptMachine(tmp_path / "none").dates("bookworm")
