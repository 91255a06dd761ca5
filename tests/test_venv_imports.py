"""Which modules are imported on both sides, and what of the results is a difference."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockerutils.errors import DockerutilsError
from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.imports import (
    PROGRAM,
    Report,
    differences,
    import_here,
    import_in_image,
    modules_to_import,
    parse_report,
    verify,
)
from dockerutils.venv.records import Distribution

SITE = "lib/python3.11/site-packages"
HERE = Report((3, 11, 7), "cpython-311", "/here", {"shop": "", "broken": "OSError: no"}, {})


def installed(*paths: str, **more: Any) -> Distribution:
    return replace(Distribution("shop", "1", "", tuple(f"{SITE}/{path}" for path in paths)), **more)


def modules(*distributions: Distribution, packed: frozenset[str] | None = None) -> tuple[str, ...]:
    return modules_to_import(distributions, (SITE,), packed)


class TestModules:
    def test_packages_and_modules_at_the_top_are_imported(self) -> None:
        found = modules(
            installed(
                "shop/__init__.py",
                "shop/inner/__init__.py",
                "six.py",
                "_fast.cpython-311-x86_64-linux-gnu.so",
                "_stable.abi3.so",
                "_plain.so",
                "compiled/__init__.cpython-311-x86_64-linux-gnu.so",
            )
        )
        assert ("_fast", "_plain", "_stable", "compiled", "shop", "six") == found

    def test_the_packages_of_a_namespace_are_imported(self) -> None:
        found = modules(
            installed("google/protobuf/__init__.py", "google/protobuf/inner/__init__.py"),
            installed("azure/storage/blob/__init__.py"),
        )
        assert ("azure.storage.blob", "google.protobuf") == found

    def test_what_is_no_module_or_for_its_makers_only_is_left(self) -> None:
        found = modules(
            installed(
                "tests/__init__.py",
                "shop-1.dist-info/RECORD",
                "__editable___shop_finder.py",
                "__pycache__/six.cpython-311.pyc",
                "data/file.py",
                "shop.libs/libz.so.1",
                "no-name.py",
                "a/b/c/d/__init__.py",
            ),
            replace(installed(), files=("bin/tool.py", "share/shop/__init__.py")),
        )
        assert () == found

    def test_what_is_left_out_of_the_image_is_not_imported(self) -> None:
        distribution = installed("shop/__init__.py", "other/__init__.py")
        assert ("shop",) == modules(distribution, packed=frozenset((f"{SITE}/shop/__init__.py",)))

    def test_without_a_list_of_files_the_claims_are_imported(self) -> None:
        assert ("shop",) == modules(installed(listed=False, claims=(f"{SITE}/shop",)))

    @pytest.mark.parametrize("path", ["my_shop/__init__.py", "src/my_shop/__init__.py"])
    def test_an_editable_package_that_is_called_like_its_distribution_is_imported(
        self, tmp_path: Path, path: str
    ) -> None:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("")
        assert ("my_shop",) == modules(installed(name="my-shop", editable=True, source=tmp_path))
        assert () == modules(installed(name="other", editable=True, source=tmp_path))


class TestCommands:
    def test_a_container_has_no_network_and_does_not_stay(self) -> None:
        command = import_in_image("shop-app:alice", "/opt/venv", ("shop",))
        words = "docker run --rm --network none --entrypoint /opt/venv/bin/python shop-app:alice"
        assert words.split() == list(command.argv[:8])
        assert ("-I", "-B", "-c", PROGRAM, "shop") == command.argv[8:]

    def test_here_it_is_the_virtualenvs_own_python(self) -> None:
        root = Path("/srv/venv")
        made = Virtualenv(root, (3, 11), (SITE,), root, root, False, "venv")
        command = import_here(made, ("shop", "six"))
        assert ("/srv/venv/bin/python", "-I", "-B", "-c", PROGRAM, "shop", "six") == command.argv


class TestProgram:
    @pytest.fixture(scope="class")
    @classmethod
    def root(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        root = tmp_path_factory.mktemp("venv")
        venv.create(root, symlinks=True)
        site = next(root.glob("lib/python3.*/site-packages"))
        for name, text in MODULES.items():
            (site / f"{name}.py").write_text(text)
        for name, text in SCRIPTS.items():
            (root / "bin" / name).write_text(text.format(root=root))
            (root / "bin" / name).chmod(0o755)
        return root

    @pytest.fixture(scope="class")
    @classmethod
    def report(cls, root: Path) -> Report:
        before = sorted(root.rglob("*"))
        words = [str(root / "bin/python"), "-I", "-B", "-c", PROGRAM, *MODULES, "missing"]
        done = subprocess.run(words, capture_output=True, text=True)
        assert before == sorted(root.rglob("*"))
        return parse_report(done.stdout, done.stderr, "the virtualenv")

    def test_it_tells_what_can_be_imported_and_why_the_rest_cannot(self, report: Report) -> None:
        expected = {
            "good": "",
            "failing": "OSError: out of order",
            "talking": "",
            "leaving": "SystemExit: 3",
            "crashing": "Crash: it ended Python with status 7",
            "after": "",
            "staying": "",
            "missing": "ModuleNotFoundError: No module named 'missing'",
        }
        assert expected == report.modules

    def test_it_tells_which_python_it_is(self, report: Report, root: Path) -> None:
        assert (sys.version_info[:3], str(root)) == (report.version, report.prefix)
        assert report.soabi.startswith("cpython-3")

    def test_it_tells_which_scripts_cannot_start(self, report: Report) -> None:
        wrong = {name: text for name, text in report.scripts.items() if text}
        gone = "/gone/bin/python is not there"
        assert {"gone": gone, "long-gone": gone} == wrong
        assert {"own", "shell", "long", "movable", "program"} < set(report.scripts)


MODULES = {
    "good": "",
    "failing": "raise OSError('out of order')",
    "talking": "print('[1]'); import os; os.write(1, b'[2]'); os.write(2, b'x')",
    "leaving": "raise SystemExit(3)",
    "crashing": "import os; os._exit(7)",
    "after": "import good",
    "staying": "import threading, time; threading.Thread(target=time.sleep, args=[99]).start()",
}
SCRIPTS = {
    "own": "#!{root}/bin/python\n",
    "shell": "#!/bin/sh -e\n",
    "long": "#!/bin/sh\n'''exec' \"{root}/bin/python\" \"$0\" \"$@\"\n' '''\n",
    "movable": '#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")"/\'python\' "$0"\n',
    "gone": "#!/gone/bin/python\n",
    "long-gone": "#!/bin/sh\n'''exec' /gone/bin/python \"$0\" \"$@\"\n' '''\n",
    "program": "\x7fELF",
}


class TestComparison:
    def there(self, **more: Any) -> Report:
        return replace(HERE, prefix="/opt/venv", **more)

    def found(self, **more: Any) -> tuple[str, ...]:
        return differences(HERE, self.there(**more))

    def test_the_same_results_are_no_difference(self) -> None:
        assert () == self.found()
        verify(HERE, self.there(), "shop-app")

    def test_another_patch_release_and_a_module_that_works_only_there_are_none(self) -> None:
        assert () == self.found(version=(3, 11, 2), modules={"shop": "", "broken": ""})

    def test_the_same_failure_with_another_text_is_none(self) -> None:
        assert () == self.found(modules={"shop": "", "broken": "OSError: /opt/venv/x"})

    @pytest.mark.parametrize(
        ("more", "text"),
        [
            ({"version": (3, 12, 0)}, "the image has Python 3.12, and the virtualenv 3.11"),
            ({"soabi": "other"}, "the image's Python loads modules for other"),
            (
                {"modules": {"shop": "ImportError: libpq.so.5\nmore", "broken": ""}},
                "shop cannot be imported: ImportError: libpq.so.5",
            ),
            ({"modules": {"broken": "OSError"}}, "shop cannot be imported: it was not tried"),
            (
                {"modules": {"shop": "", "broken": "ImportError: x"}},
                "broken cannot be imported: ImportError: x",
            ),
        ],
    )
    def test_what_is_worse_in_the_image_is_told(
        self, more: Mapping[str, object], text: str
    ) -> None:
        (found,) = self.found(**more)
        assert found.startswith(text)
        with pytest.raises(DockerutilsError, match="shop-app does not run"):
            verify(HERE, self.there(**more), "shop-app")

    def test_a_script_that_cannot_start_only_there_is_told(self) -> None:
        here = replace(HERE, scripts={"serve": "", "old": "/x is not there"})
        there = replace(HERE, scripts={"serve": "/y is not there", "old": "/x is not there"})
        assert ("bin/serve cannot start: /y is not there",) == differences(here, there)

    def test_of_very_many_differences_the_first_are_told(self) -> None:
        here = replace(HERE, modules={f"m{number}": "" for number in range(14)})
        with pytest.raises(DockerutilsError) as caught:
            verify(here, replace(here, modules={}), "shop-app")
        assert caught.value.message.endswith("\n  ... and 4 more")


class TestReport:
    def test_what_modules_write_before_the_end_does_not_count(self) -> None:
        answer = {"version": [3, 11, 7], "soabi": "x", "prefix": "/p", "modules": {}, "scripts": {}}
        report = parse_report(f"hello\n{{\n{json.dumps(answer)}\n", "", "the image")
        assert Report((3, 11, 7), "x", "/p", {}, {}) == report

    @pytest.mark.parametrize("output", ["", "hello", "{}", "[1]", '{"version": 3}'])
    def test_no_answer_is_an_error_with_the_last_line_of_the_errors(self, output: str) -> None:
        with pytest.raises(DockerutilsError, match="with the image: no such file"):
            parse_report(output, "first\nno such file\n", "the image")
