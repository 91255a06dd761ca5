"""What git says about a project's version, by the rules of versioneer, and why it says nothing.

Questions only; none takes a lock or writes into the repository.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.command import Command
from dockerutils.errors import ConfigError, DockerutilsError, EngineError
from dockerutils.runner import Answer

Reader = Callable[[Command], Answer]
Facts = dict[str, "str | bool | None"]

UNLOCKED = {"GIT_OPTIONAL_LOCKS": "0"}
ENGLISH = {**UNLOCKED, "LC_ALL": "C"}  # for messages that are looked into
PLAIN_LOG = ("--no-show-signature", "--format=%H %ci")
# What `describe --dirty` looks at; that writes the index, whatever it is told about locks.
CHANGES = ("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=untracked")
DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g(?P<short>[0-9a-f]+)")


class VersionError(DockerutilsError):
    """The project's version cannot be told."""


def ask_git(root: Path, reader: Reader, *words: str) -> Answer:
    """Ask git about the repository that a folder is in."""
    return reader(Command(("git", *words), ENGLISH, root))


def ailment(root: Path, reader: Reader, tool_says: str = "") -> VersionError:
    """Tell why there is no version here: git's own reason, else what the version tool says."""
    answer = ask_git(root, reader, "rev-parse", "--verify", "HEAD")
    if not answer.status:
        words = tool_says or "git describes no commit"
        return VersionError(f"the version of {root} is not known: {words.rstrip('.')}.")
    if "dubious ownership" in answer.errors:
        return VersionError(
            f"git does not read {root}, because its repository belongs to another user.",
            f"If you trust it, say so: `{_advice(answer.errors)}`.",
        )
    if "not a git repository" in answer.errors:
        return _no_repository(root)
    if "Needed a single revision" in answer.errors:
        return VersionError(
            f"the version of {root} is not known: its git repository has no commit yet.",
            "Commit first.",
        )
    return VersionError(f"git cannot tell the version of {root}: {_last_line(answer.errors)}")


def shallow_warning(root: Path, reader: Reader, match: str = "*") -> str:
    """Warn of a clone whose history was cut off before the first tag that matches."""
    try:
        answer = ask_git(root, reader, "rev-parse", "--is-shallow-repository")
        if answer.output.strip() != "true":
            return ""
        words = ("describe", "--tags", "--abbrev=0", "--match", match)
        if not ask_git(root, reader, *words).status:
            return ""
    except EngineError:  # without git, the version came from elsewhere
        return ""
    return (
        "this is a shallow clone without a tag, so its version counts from nothing; "
        "`git fetch --unshallow --tags` gets the tags."
    )


def tag_pattern(prefix: str) -> str:
    """Give the pattern of the tags that versioneer looks at."""
    return f"{prefix}[[:digit:]]*"


@dataclass(frozen=True)
class Description:
    """What `git describe` and its relatives say of a commit; no tag is an empty one."""

    tag: str
    distance: int
    short: str
    commit: str
    dirty: bool
    date: str
    branch: str

    @property
    def exact(self) -> bool:
        """Tell whether this is the tagged commit, unchanged."""
        return bool(self.tag) and not (self.distance or self.dirty)

    @property
    def joint(self) -> str:
        """What begins a local version, or goes on with the tag's own."""
        return "." if "+" in self.tag else "+"

    @property
    def aside(self) -> str:
        """What the styles with branches add beside the main one."""
        return "" if self.branch == "master" else ".dev0"


def describe(root: Path, reader: Reader, prefix: str, branch: bool = False) -> Description | None:
    """Describe the commit that is checked out; None where git cannot."""
    words = ("describe", "--tags", "--always", "--long", "--match", tag_pattern(prefix))
    described = ask_git(root, reader, *words)
    commit, _, date = _ask(root, reader, "log", "-1", *PLAIN_LOG).partition(" ")
    if described.status or not date:
        return None
    found = DESCRIBED.fullmatch(described.output.strip())
    if found:
        tag, distance = found["tag"].removeprefix(prefix), int(found["distance"])
    else:
        tag, distance = "", int(_ask(root, reader, "rev-list", "--count", "HEAD"))
    return Description(
        tag=tag,
        distance=distance,
        short=found["short"] if found else commit[:7],
        commit=commit,
        dirty=bool(_ask(root, reader, *CHANGES)),
        date=date.replace(" ", "T", 1).replace(" ", "", 1),
        branch=_branch(root, reader) if branch else "",
    )


def version_facts(root: Path, reader: Reader, settings: Mapping[str, str]) -> Facts:
    """Give what versioneer's `get_versions()` would, from the keys of its section.

    Raises `ConfigError` for a style that there is not, `VersionError` where nothing tells.
    """
    style, prefix = settings["style"], settings["tag_prefix"]
    if style not in STYLES:
        raise ConfigError(
            f"versioneer has no style {style!r}.", f"Its styles are {', '.join(STYLES)}."
        )
    commit = describe(root, reader, prefix, "branch" in style)
    if commit:
        version = STYLES[style](commit)
        return _facts(version, commit.commit, commit.dirty, commit.date)
    version = _from_folder(root, settings["parentdir_prefix"])
    if not version:
        raise ailment(root, reader)
    return _facts(version, None, False, None)


def pep440(commit: Description) -> str:
    """TAG[+DISTANCE.gHEX[.dirty]]; 0+untagged.DISTANCE.gHEX without a tag."""
    return _local(commit, "")


def pep440_branch(commit: Description) -> str:
    """As pep440, with .dev0 before the + when the branch is another than master."""
    return _local(commit, commit.aside)


def pep440_pre(commit: Description) -> str:
    """TAG[.postN.devDISTANCE], where N goes on from a tag that has one; never dirty."""
    if commit.tag and not commit.distance:
        return commit.tag
    release, post, number = (commit.tag or "0").partition(".post")
    following = int(f"0{number}") + 1 if post and f"0{number}".isdigit() else 0
    return f"{release}.post{following}.dev{commit.distance}"


def pep440_post(commit: Description) -> str:
    """TAG[.postDISTANCE[.dev0]+gHEX], with .dev0 when dirty."""
    old = pep440_old(commit)
    return old if commit.exact else f"{old}{commit.joint}g{commit.short}"


def pep440_post_branch(commit: Description) -> str:
    """TAG[.postDISTANCE[.dev0]+gHEX[.dirty]], with .dev0 when the branch is not master."""
    if commit.exact:
        return commit.tag
    end = ".dirty" if commit.dirty else ""
    post = f"{commit.tag or 0}.post{commit.distance}{commit.aside}"
    return f"{post}{commit.joint}g{commit.short}{end}"


def pep440_old(commit: Description) -> str:
    """TAG[.postDISTANCE[.dev0]], with .dev0 when dirty."""
    if commit.exact:
        return commit.tag
    return f"{commit.tag or 0}.post{commit.distance}{'.dev0' if commit.dirty else ''}"


def git_describe(commit: Description) -> str:
    """TAG[-DISTANCE-gHEX][-dirty]; HEX[-dirty] without a tag."""
    return _described(commit, bool(commit.distance))


def git_describe_long(commit: Description) -> str:
    """TAG-DISTANCE-gHEX[-dirty]; HEX[-dirty] without a tag."""
    return _described(commit, True)


STYLES: Mapping[str, Callable[[Description], str]] = {
    "pep440": pep440,
    "pep440-branch": pep440_branch,
    "pep440-pre": pep440_pre,
    "pep440-post": pep440_post,
    "pep440-post-branch": pep440_post_branch,
    "pep440-old": pep440_old,
    "git-describe": git_describe,
    "git-describe-long": git_describe_long,
}


def _local(commit: Description, before: str) -> str:
    if commit.exact:
        return commit.tag
    count = f"{'' if commit.tag else 'untagged.'}{commit.distance}.g{commit.short}"
    end = ".dirty" if commit.dirty else ""
    return f"{commit.tag or 0}{before}{commit.joint}{count}{end}"


def _described(commit: Description, counted: bool) -> str:
    count = f"-{commit.distance}-g{commit.short}" if counted else ""
    text = f"{commit.tag}{count}" if commit.tag else commit.short
    return f"{text}-dirty" if commit.dirty else text


def _branch(root: Path, reader: Reader) -> str:
    """Name the branch; of a detached commit, master or else the first that holds it."""
    branch = _ask(root, reader, "rev-parse", "--abbrev-ref", "HEAD")
    if branch != "HEAD":
        return branch
    words = ("for-each-ref", "--contains=HEAD", "--format=%(refname:short)", "refs/heads")
    holders = _ask(root, reader, *words).splitlines()
    return "master" if "master" in holders else next(iter(holders), "")


def _from_folder(root: Path, prefix: str) -> str:
    """Read the version from the name of an unpacked archive, which is the root or above it."""
    folders = (root, *root.parents)[:3] if prefix else ()
    names = (folder.name for folder in folders)
    return next((name.removeprefix(prefix) for name in names if name.startswith(prefix)), "")


def _facts(version: str, commit: str | None, dirty: bool, date: str | None) -> Facts:
    return {
        "version": version,
        "full-revisionid": commit,
        "dirty": dirty,
        "error": None,
        "date": date,
    }


def _no_repository(root: Path) -> VersionError:
    link = root / ".git"
    if link.is_file():
        return VersionError(
            f"{link} names a repository that is not there.",
            "A worktree or submodule needs the repository that it belongs to; "
            "`git worktree repair` there mends a moved one.",
        )
    return VersionError(
        f"the version of {root} is not known: it is in no git repository.",
        "Build from a clone of the project.",
    )


def _advice(words: str) -> str:
    lines = (line.strip() for line in words.splitlines())
    default = "git config --global --add safe.directory <folder>"
    return next((line for line in lines if line.startswith("git config")), default)


def _last_line(words: str) -> str:
    lines = words.strip().splitlines()
    return lines[-1] if lines else "it gives no reason."


def _ask(root: Path, reader: Reader, *words: str) -> str:
    return ask_git(root, reader, *words).output.strip()
