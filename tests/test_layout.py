"""The shape of the package: who may import whom, what is shipped, what is lazy, what is documented."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import hoodwink
import pytest

ROOT = Path(__file__).parents[1]

#: A part may import the parts before it, never one after it.
ORDER = ["corpora", "judges", "fuzz", "reports", "commands"]
TOP = len(ORDER)

#: Folders that hold no part of the package.
OUTSIDE = {"tests", "build", "dist", "runs", "shared"}

FILES = sorted(
    path
    for path in ROOT.rglob("*.py")
    if not {p for p in path.relative_to(ROOT).parts if p in OUTSIDE or p.startswith(".")}
)
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]

#: What an import must not load. The command line needs cyclopts, which needs rich.
HEAVY = ["torch", "transformers", "scipy", "altair", "peft", "jinja2", "vl_convert", "numpy", "hypothesis"]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of every import of a file, those inside functions and conditions too.

    `from x import a` counts as x and x.a: a may be a module.
    """
    package = ["hoodwink", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def level(module: list[str]) -> int:
    """Where a module of the package stands in the order; modules of the root stand above all parts."""
    return ORDER.index(module[0]) if module[0] in ORDER else TOP


def wrong_way(path: Path) -> list[str]:
    """Imports of a file that go against the order. `from .. import __version__` is no module, and free."""
    here = level([path.relative_to(ROOT).parts[0].removesuffix(".py")])
    found = []
    for line, name in imported(path):
        parts = name.split(".")
        if parts[0] != "hoodwink" or len(parts) == 1 or name == "hoodwink.__version__":
            continue
        if level(parts[1:]) > here:
            found.append(f"line {line} imports {name}")
    return found


def test_the_files_are_found() -> None:
    assert {"__init__.py", "cli.py", "corpora/records.py", "fuzz/attacks/openers.py", "reports/views.py"} <= set(NAMES)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_one_way(path: Path) -> None:
    assert wrong_way(path) == []


@pytest.mark.parametrize(
    ("folder", "code", "bad"),
    [
        ("corpora", "from ..judges.judge import Judge", True),
        ("judges", "def f():\n    from ..fuzz import run", True),
        ("judges", "if TYPE_CHECKING:\n    from hoodwink.reports import html", True),
        ("fuzz/attacks", "from ...reports.text import write", True),
        ("fuzz", "import hoodwink.reports.attack.page", True),
        ("reports", "from ..cli import run", True),
        ("corpora", "from .. import judges", True),
        ("reports", "from ..fuzz.run import Run\nfrom .. import __version__", False),
        ("fuzz/attacks", "from ..target import Target\nfrom ...corpora import names\nimport torch", False),
    ],
)
def test_the_rule_itself_sees_every_way_to_import(
    folder: str, code: str, bad: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / folder / "file.py"
    path.parent.mkdir(parents=True)
    path.write_text(code)
    assert bool(wrong_way(path)) is bad


@pytest.mark.parametrize("path", [*FILES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda p: str(p.name))
def test_no_file_imports_a_part_by_its_bare_name(path: Path) -> None:
    assert [name for _, name in imported(path) if name.split(".")[0] in ORDER] == []


def test_packages_are_the_folders_with_code() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    folders = {".".join(["hoodwink", *path.parent.relative_to(ROOT).parts]) for path in FILES}
    assert sorted(listed) == sorted(folders)
    missing = [p for p in {path.parent for path in FILES} if not (p / "__init__.py").exists()]
    assert missing == []


def test_the_root_shadows_no_standard_module() -> None:
    names = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert names & (set(sys.stdlib_module_names) - {"__main__"}) == set()


def test_pytest_finds_no_package_above_the_tests() -> None:
    assert [p for p in [ROOT / "conftest.py", *(ROOT / "tests").rglob("__init__.py")] if p.exists()] == []


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("hoodwink", [*HEAVY, "rich", "cyclopts"]),
        ("hoodwink.cli", HEAVY),
        ("hoodwink.pytest_plugin", [*HEAVY, "rich", "cyclopts", "hypothesis"]),
    ],
)
def test_importing_loads_nothing_heavy(module: str, heavy: list[str]) -> None:
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[]"


def test_public_names_resolve_to_what_their_table_says() -> None:
    assert set(hoodwink.__all__) == {*hoodwink._LAZY, "__version__"}
    # In a process of its own: tests of the plugin load modules and drop them again.
    code = """
import importlib, hoodwink
for name, where in hoodwink._LAZY.items():
    module, _, attribute = where.partition(":")
    found = importlib.import_module(f"hoodwink.{module}")
    assert getattr(hoodwink, name) is (getattr(found, attribute) if attribute else found), name
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/")
    assert set(hoodwink.__all__) <= set(dir(hoodwink))
    with pytest.raises(AttributeError, match="has no attribute 'atack'"):
        _ = hoodwink.atack


def test_type_checkers_see_the_same_public_names() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text("utf-8"))
    blocks = [n for n in tree.body if isinstance(n, ast.If)]
    seen = {
        a.asname or a.name: f"{n.module}:{a.name}" if n.module else a.name  # type: ignore[attr-defined]
        for b in blocks
        for n in b.body
        for a in n.names  # type: ignore[attr-defined]
    }
    assert seen == hoodwink._LAZY


def undocumented(tree: ast.Module) -> list[str]:
    """What is public and has no docstring. Properties and the stubs of protocols are left to their names."""
    found = [] if ast.get_docstring(tree) else ["the module"]
    public = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
    for node in public:
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef)] if isinstance(node, ast.ClassDef) else []
        named = [m for m in methods if not m.name.startswith("_") and not m.decorator_list and not is_stub(m)]
        found += [n.name for n in [node, *named] if not ast.get_docstring(n)]
    return found


def is_stub(function: ast.FunctionDef) -> bool:
    return [ast.unparse(statement) for statement in function.body] == ["..."]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_public_things_have_docstrings(path: Path) -> None:
    assert undocumented(ast.parse(path.read_text("utf-8"))) == []


def test_the_docstring_rule_sees_methods() -> None:
    code = '"""Module."""\nclass A:\n    """A."""\n    def b(self):\n        return 1\ndef c(): pass\ndef _d(): pass'
    assert undocumented(ast.parse(code)) == ["b", "c"]
