"""The documentation against the source: what exists is written down, and what is written down is current."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from prefect.blocks.core import Block
from typer.main import get_command

import blocks
from airdate import cli
from airdate.errors import AirdateError
from airdate.following.heeding import DEEDS
from airdate.post import LatePolicy, Mode, PlanKind, PostState, Privacy, SubmissionState
from airdate.settings import Settings
from airdate.tiktok.webhooks import Kind

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
ALL = README + "".join(PAGES.values())


def commands(group: object, before: str = "") -> dict[str, list[str]]:
    """Every command with the options it takes."""
    found: dict[str, list[str]] = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            found |= commands(command, f"{before}{name} ")
        else:
            found[f"{before}{name}"] = [
                option for parameter in command.params for option in parameter.opts if option.startswith("--")
            ]
    return found


COMMANDS = commands(get_command(cli.app))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_in_the_readme(command: str) -> None:
    group, _, name = command.rpartition(" ")
    assert re.search(rf"`airdate {group}[^|]*\b{name}\b" if group else rf"`airdate {name}\b", README)
    assert not [option for option in COMMANDS[command] if option not in README and option not in ALL]


def test_no_page_names_a_command_that_is_not_there() -> None:
    named = set(re.findall(r"`airdate ([a-z]+)\b", README + "".join(v for k, v in PAGES.items() if k != "errors.md")))
    assert named <= {command.split()[0] for command in COMMANDS}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"| `AIRDATE_{name.upper()}` |" in README


def test_no_page_names_a_setting_that_is_not_there() -> None:
    known = {f"AIRDATE_{name.upper()}" for name in Settings.model_fields}
    named = {name for name in re.findall(r"AIRDATE_[A-Z_]+[A-Z]", ALL) if not name.startswith("AIRDATE_TEST")}
    assert named <= known


@pytest.mark.parametrize("kind", [PostState, SubmissionState, PlanKind])
def test_every_state_and_plan_is_explained(kind: type[PostState | SubmissionState | PlanKind]) -> None:
    assert not [value for value in kind if f"| `{value}` |" not in PAGES["states.md"]]


@pytest.mark.parametrize("value", [*Privacy, *Mode, *LatePolicy])
def test_every_choice_is_named(value: str) -> None:
    assert re.search(rf"\b{value}\b", ALL)


def test_every_block_is_named() -> None:
    kinds = [kind for kind in vars(blocks).values() if isinstance(kind, type) and issubclass(kind, Block)]
    assert kinds
    assert not [kind for kind in kinds if f"`{kind.get_block_type_name()}`" not in ALL]


def test_every_deployment_is_named() -> None:
    declared = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]
    assert not [entry["name"] for entry in declared if f"`{entry['name']}`" not in ALL]


def test_every_exit_status_is_in_the_readme() -> None:
    def below(kind: type[AirdateError]) -> set[int]:
        own = {kind.exit_code} if hasattr(kind, "exit_code") else set()
        return own.union(*(below(child) for child in kind.__subclasses__()))

    for status in {0, 1} | below(AirdateError):
        assert f"\n| {status} | " in README


def test_the_page_of_error_codes_is_current() -> None:
    """`python docs/error_codes.py` writes it."""
    assert PAGES["errors.md"] == error_codes().page()


def test_the_reader_of_codes_finds_what_is_raised() -> None:
    found = {code.code: code.exit for code in error_codes().own_codes()}
    assert found["caption_too_long"] == 3  # raised by name
    assert found["file_missing"] == 2  # passed on by a helper
    assert found["lease_lost"] == 5  # in the constructor of an error of its own
    assert found["unconfirmed"] == found["processing"] == 6  # one of two


def test_every_webhook_has_its_row() -> None:
    assert set(DEEDS) == set(Kind)


def error_codes() -> object:
    spec = importlib.util.spec_from_file_location("error_codes", ROOT / "docs" / "error_codes.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["error_codes"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists() if target else True, target


def test_the_ci_finds_the_one_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    pattern = re.search(r"grep -E '([^']+)' README.md", script)
    assert pattern is not None
    found = re.findall(pattern[1], README, re.MULTILINE)
    assert len(found) == 1
    assert found[0].endswith("-m pytest")
    subprocess.run(["/bin/bash", "-n", str(ROOT / ".ci" / "run")], check=True)


def test_the_first_screen_holds_both_commands() -> None:
    first = "\n".join(README.splitlines()[:25])
    assert len(re.findall(r"^python3 -m venv .*$", first, re.MULTILINE)) == 2


def test_constraints_are_plain_pins() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+(; python_version [<>=]+ '3\.\d+')?", line)]
    assert typer.__name__ in {line.split("==")[0] for line in lines}
