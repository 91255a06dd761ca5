"""A Dockerfile as text: logical lines, flags, heredocs, and words with variables.

Every piece knows where in the file it was written. The rules are those of BuildKit's packages
`dockerfile/parser` and `dockerfile/shell`; what the instructions mean is dockerfile_syntax's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

# White space as Go's unicode.IsSpace sees it; str.isspace() would add the separators \x1c-\x1f.
SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
WORD = re.compile(r"[^\t\v\f\r ]+")
_BLANKS = re.compile(r"[\t\v\f\r ]*")
_DIRECTIVE = re.compile(r"#\s*([a-z][a-z0-9]*)\s*=(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_VARIABLE_NAME = re.compile(r"[0-9]+|[@*#?$!-]|[^\W\d]\w*")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_OPERATORS = frozenset({"-", "+", "?", ":-", ":+", ":?", "#", "%"})

# A heredoc is announced by a word of its own, by shell rules with `\` whatever the escape
# directive says: `<<EOF` and `3<<-"EOF"` are heredocs; `cat<<EOF`, `"<<EOF"`, `<<<x` are not.
_SHELL_WORD = re.compile(r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|<<[ \t\r]*|[^\s'"\\])+""", re.DOTALL)
_HEREDOC = re.compile(r"[0-9]*<<(-?)([ \t\r]*)([^<]+)", re.DOTALL)
_QUOTED = re.compile(r"""'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)""", re.DOTALL)


class DockerfileError(ValueError):
    """A Dockerfile that cannot be understood; the text is a sentence, `line` counts from 1."""

    def __init__(self, sentence: str, line: int) -> None:
        """Keep the sentence and the line of the instruction it is about."""
        super().__init__(sentence)
        self.line = line


class _Piece(NamedTuple):
    """Where a physical line is in an instruction's text, and where it is in the Dockerfile."""

    start: int
    offset: int
    line: int


class Instruction(NamedTuple):
    """A logical line: continuation lines are joined, and each knows where it came from."""

    text: str
    pieces: tuple[_Piece, ...]

    @property
    def line(self) -> int:
        """Return the line on which the instruction begins."""
        return self.pieces[0].line

    def place(self, at: int) -> tuple[int, int]:
        """Return the offset in the Dockerfile and the line of a character of the text."""
        piece = next(piece for piece in reversed(self.pieces) if piece.start <= at)
        return piece.offset + at - piece.start, piece.line

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where text[start:end] begins and ends in the Dockerfile."""
        return self.place(start)[0], self.place(end - 1)[0] + 1

    def word(self, at: int) -> tuple[str, int]:
        """Return the word from there on, in lower case, and where the one after it begins."""
        found = WORD.match(self.text, at)
        if found is None:
            return "", at
        return found[0].lower(), skip_blanks(self.text, found.end())


class Source:
    """The physical lines of a Dockerfile, given out as instructions from the top."""

    def __init__(self, text: str) -> None:
        """Take the text apart and read the directives at its top."""
        self.lines = text.split("\n")
        self.offsets = list(accumulate((len(line) + 1 for line in self.lines), initial=0))
        if text.startswith("\ufeff"):
            self.lines[0] = self.lines[0][1:]
            self.offsets[0] = 1
        self.escape = _escape(self.lines)
        self.next = 0

    def instructions(self) -> Iterator[Instruction]:
        """Yield the instructions; a heredoc that is skipped between two of them is left out."""
        while self.next < len(self.lines):
            line = self.lines[self.next].rstrip("\r")
            head = line.lstrip(SPACE)
            self.next += 1
            if head and head[0] != "#":
                number = self.next
                first = _Piece(0, self.offsets[number - 1] + len(line) - len(head), number)
                joined = self._continued(head)
                if joined is None:
                    yield Instruction(head, (first,))
                else:
                    yield self._joined(joined, first)

    def _continued(self, line: str) -> str | None:
        """Return the line without its continuation sign, or None if it ends the instruction."""
        cut = line.rstrip(" \t")
        if cut.endswith(self.escape) and not cut.endswith(self.escape * 2):
            return cut[:-1]
        return None

    def _joined(self, text: str, first: _Piece) -> Instruction:
        """Join what follows; comments and empty lines in between are dropped, blanks are kept."""
        parts, pieces, length = [text], [first], len(text)
        while self.next < len(self.lines):
            line = self.lines[self.next].rstrip("\r")
            self.next += 1
            if line.lstrip(SPACE)[:1] in ("", "#"):
                continue
            body = self._continued(line)
            parts.append(line if body is None else body)
            pieces.append(_Piece(length, self.offsets[self.next - 1], self.next))
            length += len(parts[-1])
            if body is None:
                break
        return Instruction("".join(parts), tuple(pieces))

    def skip_heredoc(self, name: str, tabs: bool) -> bool:
        """Go on after the line that ends the heredoc, if there is one."""
        for number in range(self.next, len(self.lines)):
            line = self.lines[number].rstrip("\r")
            if (line.lstrip("\t") if tabs else line) == name:
                self.next = number + 1
                return True
        return False


class Flag(NamedTuple):
    """A `--flag`, without quotes; `places` is where each character, and the end, are written."""

    text: str
    places: tuple[int, ...]

    def written(self, source: str, start: int, end: int) -> tuple[int, int]:
        """Return where the value in text[start:end] is written, with quotes that are its own."""
        first, last = self.places[start - 1] + 1, self.places[end]
        word = source[first:last]
        if word[-1] in "'\"" and word.count(word[-1]) % 2:
            last -= 1
        elif word[0] in "'\"" and word.count(word[0]) % 2:
            first += 1
        return first, last


def _escape(lines: list[str]) -> str:
    """Return the escape character: directives are the comments at the very top, no blank line."""
    seen: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        found = _DIRECTIVE.fullmatch(line.strip(SPACE))
        key = found[1].lower() if found else ""
        value = found[2].strip(SPACE) if found else ""
        if key not in _DIRECTIVES or not value:
            break
        if key in seen:
            raise DockerfileError(f"The directive {key} is there twice; keep one.", number)
        if key == "escape" and value not in ("\\", "`"):
            sentence = f"The directive escape={value} is unknown: it takes \\ or ` only."
            raise DockerfileError(sentence, number)
        seen[key] = value
    return seen.get("escape", "\\")


def skip_blanks(text: str, at: int) -> int:
    """Return where the next word begins."""
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def argument_words(text: str, escape: str) -> list[str]:
    """Split what follows ARG; quotes and escapes are kept for the substitution."""
    return _ARGUMENT_WORD[escape].findall(text)


def _argument_pattern(escape: str) -> re.Pattern[str]:
    char = re.escape(escape)
    double = rf'"(?:{char}.|[^"{char}])*(?:"|$)'
    return re.compile(rf"""(?:{char}.|'[^']*(?:'|$)|{double}|[^\s'"{char}])+""", re.DOTALL)


_ARGUMENT_WORD = {escape: _argument_pattern(escape) for escape in ("\\", "`")}


def read_flags(text: str, at: int, escape: str) -> tuple[list[Flag], int]:
    """Read the flags of an instruction; return them and where its other words begin."""
    flags: list[Flag] = []
    while text.startswith("--", at):
        flag, at = _read_flag(text, at, escape)
        at = skip_blanks(text, at)
        if flag.text == "--":
            break
        flags.append(flag)
    return flags, at


def _read_flag(text: str, at: int, escape: str) -> tuple[Flag, int]:
    chars: list[str] = []
    places: list[int] = []
    quote = ""
    while at < len(text) and (quote or text[at] not in SPACE):
        if text[at] == quote:
            quote = ""
        elif not quote and text[at] in "'\"":
            quote = text[at]
        else:
            if text[at] == escape and at + 1 < len(text):
                at += 1
            chars.append(text[at])
            places.append(at)
        at += 1
    return Flag("".join(chars), (*places, at)), at


def announced_heredocs(line: str) -> Iterator[tuple[bool, bool, str]]:
    """Yield the heredocs of a line: with a blank after `<<`?, tabs stripped?, delimiter."""
    if _SHELL_WORD.sub("", line).strip(SPACE + "\\"):
        return  # an unbalanced quote: BuildKit then sees no heredoc at all
    for word in _SHELL_WORD.findall(line):
        found = _HEREDOC.fullmatch(word)
        delimiter = _QUOTED.sub(_unquoted, found[3]) if found else ""
        if found and delimiter:
            yield bool(found[2]), bool(found[1]), delimiter


def _unquoted(found: re.Match[str]) -> str:
    single, double, escaped = found.groups()
    if double is not None:
        return re.sub(r'\\(["$\\])', r"\1", double)
    return str(single if single is not None else escaped)


def substitute(word: str, values: Mapping[str, str], escape: str) -> str:
    """Replace variables and take quotes away; a ValueError says what is wrong with the word."""
    try:
        return _Substitution(word, values, escape).until("")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


class _Substitution:
    """A pass over one word by the rules of BuildKit's shell lexer."""

    def __init__(self, word: str, values: Mapping[str, str], escape: str) -> None:
        self.word = word
        self.values = values
        self.escape = escape
        self.at = 0

    def until(self, stop: str, raw: bool = False) -> str:
        """Return what stands before the stop character, which is passed; raw keeps escapes."""
        out: list[str] = []
        while self.at < len(self.word):
            char = self._take()
            if char == stop:
                return "".join(out)
            if char == "$":
                out.append(self._variable())
            elif char == "'":
                out.append(self._single_quoted())
            elif char == '"':
                out.append(self._double_quoted(raw))
            elif char == self.escape:
                out.append(char * raw + self._take())
            else:
                out.append(char)
        if stop:
            raise ValueError(f"'{stop}' is missing")
        return "".join(out)

    def _take(self) -> str:
        self.at += 1
        return self.word[self.at - 1 : self.at]

    def _peek(self) -> str:
        return self.word[self.at : self.at + 1]

    def _single_quoted(self) -> str:
        end = self.word.find("'", self.at)
        if end < 0:
            raise ValueError("a ' is not closed")
        text = self.word[self.at : end]
        self.at = end + 1
        return text

    def _double_quoted(self, raw: bool) -> str:
        out: list[str] = []
        while (char := self._take()) != '"':
            if not char:
                raise ValueError('a " is not closed')
            if char == "$":
                out.append(self._variable())
            elif char == self.escape and self._peek() in ('"', "$", self.escape):
                out.append(char * raw + self._take())
            else:
                out.append(char)
        return "".join(out)

    def _variable(self) -> str:
        if self._peek() != "{":
            name = self._name()
            return self.values.get(name, "") if name else "$"
        self.at += 1
        if self._peek() in ("", "{", "}", ":"):
            raise ValueError("${ needs the name of a variable")
        name, operator = self._name(), self._take()
        if operator == "}":
            return self.values.get(name, "")
        if operator == "/":
            return self._replaced(name)
        return self._modified(name, operator + self._take() if operator == ":" else operator)

    def _name(self) -> str:
        found = _VARIABLE_NAME.match(self.word, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def _modified(self, name: str, operator: str) -> str:
        if operator not in _OPERATORS:
            raise ValueError(f"${{{name}{operator}...}} is no known substitution")
        kind = operator[-1]
        word = self.until("}", raw=kind in "#%")
        value = self.values.get(name)
        if operator[0] == ":":
            value = value or None
        if kind in "#%":
            return _trimmed(value or "", kind, word)
        if kind == "?" and value is None:
            raise ValueError(f"{name}: {word or 'it is not set'}")
        if kind == "+":
            return "" if value is None else word
        return word if value is None else value

    def _replaced(self, name: str) -> str:
        everywhere = self._peek() == "/"
        self.at += everywhere
        pattern = _glob(self.until("/", raw=True))
        replacement = self.until("}", raw=True)
        return pattern.sub(lambda _: replacement, self.values.get(name, ""), int(not everywhere))


def _trimmed(value: str, kind: str, word: str) -> str:
    """Cut the shortest (longest, if the sign is doubled) match off the start or the end."""
    longest = word[:1] == kind
    pattern = _glob(word[1:] if longest else word)
    cuts = range(len(value) + 1)
    for cut in reversed(cuts) if longest == (kind == "#") else cuts:
        if pattern.fullmatch(value[:cut] if kind == "#" else value[cut:]):
            return value[cut:] if kind == "#" else value[:cut]
    return value


def _glob(pattern: str) -> re.Pattern[str]:
    """Compile a shell pattern: `*`, `?` and backslash are special, brackets are not."""
    out: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if char == "*":
            if out[-1:] != [".*"]:
                out.append(".*")
        elif char == "?":
            out.append(".")
        else:
            out.append(re.escape(next(chars, char) if char == "\\" else char))
    return re.compile("".join(out), re.DOTALL)
