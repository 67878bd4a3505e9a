"""The rules of the house, read from the source: who imports whom, how long a module may be, what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("airdate", "flows", "tasks", "blocks", "deployments")
LONGEST_MODULE = 500

FRONT_DOOR = "airdate/cli.py"
"""The only module of the engine that may import Prefect and what is built on it, and only inside its commands."""

FORBIDDEN = {
    "airdate": ("prefect", "flows", "tasks", "blocks"),
    "blocks": ("tasks", "flows"),
    "tasks": ("flows",),
    "airdate/tiktok": ("airdate.media", "airdate.sources"),
    "airdate/media": ("airdate.tiktok", "airdate.sources"),
    "airdate/sources": ("airdate.tiktok", "airdate.media"),
}
"""Folder: what its modules never import."""

STRANGE_HOSTS = re.compile(
    r"(?:pypi|npmjs|files\.pythonhosted|artifactory|nexus)[\w.-]*\.(?:org|com|io|net)|index-url", re.IGNORECASE
)
"""Hosts of package registries: which one is used is the business of whoever installs."""

MACHINE_PATHS = re.compile(r"(?<![\w.$/{}-])/(?:work|root|farm)/|/home/(?!airdate|\$|<)\w+/|/Users/\w+/|/tmp/v/")
"""Paths that exist on one machine only."""


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> list[tuple[str, bool]]:
    """What a module imports, by full name, and whether it does so at its top."""
    tree = ast.parse(path.read_text())
    inner = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node not in inner) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide what is imported"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(name, node not in inner) for name in names]
    return found


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_point_one_way(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name, _ in imported(path)
        if str(path.relative_to(ROOT)) != FRONT_DOOR and any(is_within(name, other) for other in FORBIDDEN[folder])
    ]
    assert not wrong


def test_the_front_door_imports_prefect_only_inside_commands() -> None:
    at_top = [name for name, top in imported(ROOT / FRONT_DOOR) if top and name.split(".")[0] in FORBIDDEN["airdate"]]
    assert not at_top


def test_the_import_reader_sees_every_form(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("import a.b\nfrom c import d\ndef f():\n    from e.f import g\n")
    assert imported(path) == [("a.b", True), ("c.d", True), ("e.f.g", False)]


def test_deployments_hold_no_logic() -> None:
    for path in modules("deployments"):
        tree = ast.parse(path.read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)], path


def test_no_module_outgrows_the_house() -> None:
    lengths = {path: len(path.read_text().splitlines()) for package in PACKAGES for path in modules(package)}
    assert not {str(path): length for path, length in lengths.items() if length > LONGEST_MODULE}


def tracked() -> list[Path]:
    """Every file that is or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        names = [path for path in ROOT.rglob("*") if path.is_file() and not {".venv", ".git"} & set(path.parts)]
    else:
        names = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in names if path.is_file()]


@pytest.mark.parametrize("pattern", [STRANGE_HOSTS, MACHINE_PATHS], ids=["registry hosts", "machine paths"])
def test_no_file_knows_where_it_was_written(pattern: re.Pattern[str]) -> None:
    found = []
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in pattern.finditer(text)]
    assert not found
