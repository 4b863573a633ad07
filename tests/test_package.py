"""The wheel: it holds the package and nothing else, and works where only it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def pip(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built without network from a copy, since a build leaves folders behind."""
    folder = tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns(".*", "build", "dist", "runs", "shared", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "source", ignore=skip)
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", folder / "out", folder / "source")
    (built,) = (folder / "out").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def shipped(pattern: str) -> set[str]:
    """Files of the checkout by their names in the wheel."""
    return {f"hoodwink/{p.relative_to(ROOT).as_posix()}" for p in ROOT.glob(pattern) if p.is_file()}


def test_top_level_is_the_package_alone(names: set[str]) -> None:
    top = {name.split("/")[0] for name in names}
    assert len(top) == 2
    assert {t for t in top if not t.endswith(".dist-info")} == {"hoodwink"}


def test_code_is_complete_and_tests_are_not_in_it(names: set[str]) -> None:
    code = {name for name in names if name.endswith(".py")}
    parts = ["*.py", *(f"{part}/**/*.py" for part in ("corpora", "judges", "fuzz", "reports"))]
    assert code == set().union(*map(shipped, parts))
    assert not [name for name in names if "tests" in name.split("/") or "conftest" in name or "/test_" in name]


def test_data_is_in_it(names: set[str]) -> None:
    data = ["py.typed", "reports/templates/*", "judges/prompts/*.jinja", "judges/adapters/referee/*"]
    expected = set().union(*map(shipped, data))
    assert {
        "hoodwink/py.typed",
        "hoodwink/reports/templates/page.css",
        "hoodwink/judges/prompts/match.jinja",
    } <= expected
    assert {n for n in names if not n.endswith(".py") and n.startswith("hoodwink/")} == expected
    if (ROOT / "judges" / "adapters" / "referee").exists():
        assert "hoodwink/judges/adapters/referee/adapter_model.safetensors" in names


def test_licence_and_entry_point(wheel: Path, names: set[str]) -> None:
    (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
    assert f"{info}/licenses/LICENSE" in names
    with zipfile.ZipFile(wheel) as archive:
        points = archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert "[console_scripts]\nhoodwink = hoodwink.cli:main\n" in points
    assert "[pytest11]\nhoodwink = hoodwink.pytest_plugin\n" in points
    assert "[hypothesis]\nhoodwink = hoodwink.hypothesis_plugin:register\n" in points
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: Apache-2.0" in metadata


def test_installed_alone_it_attacks_and_reports(wheel: Path, tmp_path: Path) -> None:
    """From an empty folder, with the wheel before the editable install on the path."""
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    pip("install", "--no-deps", "--target", site, wheel)
    code = """
import json, hoodwink
run = hoodwink.attack("planted:length", attacks=["repeat"], problems=2, budget=10, shrink_budget=5, out="run")
page = hoodwink.report(run).read_text("utf-8")
import hoodwink.judges.prompts as prompts
print(json.dumps([hoodwink.__file__, prompts.__file__, page.count("<svg"), prompts.load_prompt("match").fingerprint]))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    package, prompts, charts, fingerprint = json.loads(done.stdout)
    assert Path(package) == site / "hoodwink" / "__init__.py"
    assert Path(prompts).is_relative_to(site)
    assert charts >= 1
    assert fingerprint
