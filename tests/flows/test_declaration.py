from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow

from deployments import DECLARATION, POOL
from flows.start import DEPLOYMENT

DECLARED: dict[str, Any] = yaml.safe_load(DECLARATION.read_text())


@pytest.mark.parametrize("entry", DECLARED["deployments"], ids=lambda entry: entry["name"])
def test_every_entry_names_a_flow_of_ours(entry: dict[str, Any]) -> None:
    module, _, name = entry["entrypoint"].partition(":")
    flow = getattr(importlib.import_module(module), name)
    assert isinstance(flow, Flow)
    assert flow.name == entry["name"]
    assert flow.isasync, "a sync flow waits a second for its heartbeat at its end"
    assert entry["work_pool"]["name"] == POOL


def test_what_starts_runs_names_a_declared_deployment() -> None:
    assert DEPLOYMENT in {f"{entry['name']}/{entry['name']}" for entry in DECLARED["deployments"]}


def test_runs_work_in_the_home() -> None:
    (step,) = DECLARED["pull"]
    assert step == {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $AIRDATE_HOME }}"}}


def test_the_declaration_is_installed_with_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "*.yaml" in project["tool"]["setuptools"]["package-data"]["deployments"]
