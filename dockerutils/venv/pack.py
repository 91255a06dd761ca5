"""A group of a virtualenv's or a project's files becomes a layer."""

from __future__ import annotations

import errno
import hashlib
import marshal
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from dockerutils.errors import ContentChanged, DockerutilsError
from dockerutils.oci.digest_cache import DigestCache, Kept
from dockerutils.oci.layer import Layer, made_layer
from dockerutils.oci.tar import EPOCH, Entry, tar_stream
from dockerutils.venv import bytecode, record_rows
from dockerutils.venv.bytecode import Compiled, Compiler, Source
from dockerutils.venv.grouping import Group
from dockerutils.venv.record_rows import Signature
from dockerutils.venv.relocation import (
    Rewriting,
    is_left_out,
    is_record,
    is_rewritten,
    link,
    rewritten,
)
from dockerutils.venv.scan import File
from dockerutils.venv.scripts import is_binary

FORM = f"dockerutils venv layer 1 {EPOCH}"  # another number for another result of the same files
HELD = 1 << 20  # bytes; larger files are handed on in pieces
HEAD = 1 << 12  # bytes that tell a text from a program
OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
EXECUTABLE = 0o100


def layer_of(
    group: Group,
    rewriting: Rewriting,
    cache: DigestCache | None,
    trust_cache: bool,
    compiler: Compiler | None = None,
) -> Layer:
    """Give the layer of a group; its files are read when it is, unless the cache knows it.

    Without `trust_cache` they are read in any case, and the cache only learns. A compiler is
    needed for `bytecode=compile`. Reading raises `ContentChanged` for a file that has changed
    since it was found, and `ProjectError` for a link that leads out of the image.
    """
    packing = Packing(group, rewriting, compiler)
    asked = cache if cache is None or trust_cache else LearningCache(cache.folder)
    weight = sum(file.size for file in group.files)
    return made_layer(
        group.name, lambda: tar_stream(packing.entries()), packing.fingerprint, asked, weight
    )


def names_interpreter(group: Group) -> bool:
    """Tell whether a group's layer depends on where the interpreter is in the image."""
    return any(file.path.startswith("bin/") or file.path == "pyvenv.cfg" for file in group.files)


class LearningCache(DigestCache):
    """A digest cache that is only written."""

    def get(self, key: str) -> Kept | None:  # noqa: ARG002
        """Know nothing."""
        return None


@dataclass(frozen=True)
class Packing:
    """One group on its way into a layer. Nothing is ever written beside its files."""

    group: Group
    rewriting: Rewriting
    compiler: Compiler | None = None
    files: dict[str, File] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.files.update((file.path, file) for file in self.group.files)

    @cached_property
    def _own(self) -> bool:
        """Tell whether the files are a virtualenv's, which have to know where they lie."""
        return self.group.root == self.rewriting.root

    @cached_property
    def fingerprint(self) -> str:
        """Sum up all that the layer's content depends on, without reading the files."""
        files = [tuple(file) for file in (*self.group.files, *self._elsewhere.values())]
        digest = hashlib.sha256("\n".join(self._parameters()).encode())
        digest.update(marshal.dumps(files, 0))  # the form of old that depends on values alone
        return digest.hexdigest()

    def _parameters(self) -> Iterator[str]:
        group, rewriting = self.group, self.rewriting
        yield from map(repr, (FORM, group.name, str(group.root), group.dest, rewriting.bytecode))
        yield from map(repr, (rewriting.version, rewriting.places))
        # Which modules are compiled here changes with each start, and lists do not tell of it.
        yield repr(sorted(path for path in rewriting.left_out if not path.endswith(".pyc")))
        if names_interpreter(group):
            yield rewriting.interpreter
        if self.compiler:
            facts = self.compiler.interpreter.stat()
            yield repr((str(self.compiler.interpreter), facts.st_size, facts.st_mtime_ns))

    @cached_property
    def _elsewhere(self) -> dict[str, File]:
        """Find the files of other groups that this group's lists of files depend on: scripts."""
        found: dict[str, File] = {}
        for file in self.group.files if self._own else ():
            if file.path.endswith("/RECORD") and file.link is None and is_record(file.path):
                content = self._read(file)
                for path in record_rows.depended_on(self.rewriting, file.path, content):
                    facts = None if path in self.files else self._look(path)
                    if facts:
                        found[path] = facts
        return found

    def _look(self, path: str) -> File | None:
        """Describe a file of the virtualenv that another group has."""
        try:
            facts = os.stat(f"{self.group.root}/{path}")  # noqa: PTH116
        except OSError:
            return None
        times = facts.st_mtime_ns, facts.st_ctime_ns
        return File(path, facts.st_mode & 0o7777, facts.st_size, *times, facts.st_ino)

    def entries(self) -> Iterator[Entry]:
        """Give the layer's entries in their order."""
        if self.rewriting.bytecode == "compile":
            yield from self._with_compiled()
            return
        for file in self.group.files:
            entry = self._entry(file)
            if entry:
                yield entry

    def _with_compiled(self) -> Iterator[Entry]:
        compiled = self._compiled()
        modules = {
            bytecode.cached_path(path, self.rewriting.version): path for path in compiled.modules
        }
        with compiled.opened() as code:
            for path in sorted({*self.files, *modules}, key=os.fsencode):
                if path in modules:
                    yield Entry(self._name(path), content=code(modules[path]))
                    continue
                entry = self._entry(self.files[path])
                if entry:
                    yield entry

    def _entry(self, file: File) -> Entry | None:
        path = file.path
        if self._own:
            if is_left_out(path):
                return None
            if self.rewriting.is_interpreter(path):
                return self._link(file)
        if file.link is not None:
            return self._link(file)
        if path.endswith(".pyc"):
            content = self._code(file)
        elif self._own and is_rewritten(path) and not self._is_program(file):
            content = self._rewritten(file)
        else:
            return self._unchanged(file)
        return None if content is None else self._whole(file, content)

    def _is_program(self, file: File) -> bool:
        """Tell whether a large file is a compiled program; a small one is read anyway."""
        return file.size > HELD and is_binary(next(self._pieces(file, HEAD), b""))

    def _name(self, path: str) -> bytes:
        return self._folder + os.fsencode(path)

    @cached_property
    def _folder(self) -> bytes:
        return os.fsencode(f"{self._dest}/".lstrip("/"))

    @cached_property
    def _dest(self) -> str:
        """The group's place, to which a path is added with a slash: empty for the root folder."""
        return self.group.dest.rstrip("/")

    def _whole(self, file: File, content: bytes) -> Entry:
        return Entry(self._name(file.path), mode(file), len(content), content)

    def _unchanged(self, file: File) -> Entry:
        if file.size > HELD:
            pieces = partial(self._pieces, file)
            return Entry(self._name(file.path), mode(file), file.size, pieces)
        return self._whole(file, self._read(file))

    def _link(self, file: File) -> Entry:
        root = self.group.root
        found = link(self.rewriting, root, self._dest, file.path, file.link or "")
        return Entry(self._name(file.path), target=os.fsencode(found.target))

    # Content ---------------------------------------------------------------------------------

    def _rewritten(self, file: File) -> bytes | None:
        """Give the content in the image of a file that may know its place; None to leave it out."""
        content = self._read(file)
        if is_record(file.path):
            return record_rows.rewritten_record(self.rewriting, file.path, content, self._signature)
        if file.path.startswith("bin/") and is_binary(content[:HEAD]):
            return content
        return rewritten(self.rewriting, file.path, content)

    def _signature(self, path: str, old: Signature) -> Signature | None:
        """Give what a list of files says about a file; what is not there stays as it is."""
        file = self.files.get(path) or self._elsewhere.get(path) or self._look(path)
        if file is None:
            return old
        content = self._code(file) if path.endswith(".pyc") else self._rewritten(file)
        return None if content is None else record_rows.signature(content)

    def _code(self, file: File) -> bytes | None:
        """Give a compiled module as Python takes it in the image; None for one that it would not.

        One without source is a module of its own, and never compared with a time.
        """
        cached = file.path.rpartition("/")[0].endswith("__pycache__")
        version = self.rewriting.version
        path = bytecode.source_of(file.path, version) if cached else file.path[:-1]
        source = self._source(path) if path else None
        if source is None and not cached:
            return self._read(file)
        if source is None or self.rewriting.bytecode != "keep":
            return None
        code = self._read(file)
        changes = self._own and is_rewritten(source.path)
        if changes or not bytecode.is_valid(code, version, source.mtime_ns, source.size):
            return None
        return bytecode.moved(code, source.path.rpartition("/")[2], self._places)

    def _source(self, path: str) -> File | None:
        """Find a source, also one that is a link or in another group."""
        found = self.files.get(path)
        return found if found and found.link is None else self._look(path)

    @cached_property
    def _places(self) -> tuple[tuple[bytes, bytes], ...]:
        here = {str(self.group.root), os.path.realpath(self.group.root)}
        dest = bytecode.in_code(self._dest)
        return tuple(
            (bytecode.in_code(folder), dest) for folder in sorted(here, key=len, reverse=True)
        )

    def _compiled(self) -> Compiled:
        """Compile the modules of the group, those that change as they will be in the image."""
        if self.compiler is None:
            raise ValueError("bytecode=compile needs a compiler")
        sources = [
            Source(file.path, *self._to_compile(file))
            for file in self.group.files
            if file.path.endswith(".py") and file.link is None and self._is_module(file.path)
        ]
        return self.compiler.compiled(self.fingerprint, self._dest, sources)

    def _is_module(self, path: str) -> bool:
        return not self._own or path.startswith("lib")

    def _to_compile(self, file: File) -> tuple[str, bytes | None, int]:
        content = self._rewritten(file) if self._own and is_rewritten(file.path) else None
        size = file.size if content is None else len(content)
        return f"{self.group.root}/{file.path}", content, size

    # Reading ---------------------------------------------------------------------------------

    def _read(self, file: File) -> bytes:
        """Read a file that is as it was found."""
        pieces = list(self._pieces(file, file.size))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pieces(self, file: File, size: int = HELD) -> Iterator[bytes]:
        """Read a file piece by piece; at the end it has to be as it was found."""
        done = 0
        try:
            number = os.open(f"{self.group.root}/{file.path}", OPEN)
            try:
                while piece := os.read(number, size + 1):
                    yield piece
                    done += len(piece)
                    if done >= file.size:
                        break
                facts = os.fstat(number)
            finally:
                os.close(number)
        except OSError as error:
            raise self._unreadable(file, error) from error
        if (done, facts.st_size, facts.st_mtime_ns) != (file.size, file.size, file.mtime_ns):
            raise changed(self.group.root, file)

    def _unreadable(self, file: File, error: OSError) -> DockerutilsError:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR}:
            return changed(self.group.root, file)
        return DockerutilsError(
            f"{self.group.root}/{file.path} cannot be read: {error.strerror}.",
            "Make it readable, or leave it out with `exclude`.",
        )


def changed(root: Path, file: File) -> ContentChanged:
    """Describe a file that is not as it was found."""
    return ContentChanged(
        f"{root}/{file.path} changed while it was read.",
        "Start the command again when nothing writes to it any more.",
    )


def mode(file: File) -> int:
    """Give the permission bits in the image: readable by all, written by root."""
    return 0o755 if file.mode & EXECUTABLE else 0o644
