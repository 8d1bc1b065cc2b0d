"""What a command ran on, and in what two such descriptions differ."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import environment
from pipeline.environment import Environment, Hardware, differences, this_environment

ENVIRONMENTS = st.builds(
    Environment,
    project=st.none() | st.just("1"),
    commit=st.none() | st.sampled_from("ab"),
    dirty=st.none() | st.booleans(),
    python=st.sampled_from(["3.11", "3.12"]),
    packages=st.dictionaries(st.sampled_from(["torch", "ray"]), st.sampled_from("12")),
    hardware=st.builds(
        Hardware,
        system=st.just("Linux"),
        processor=st.none() | st.just("p"),
        cores=st.integers(1, 2),
        memory=st.none() | st.integers(1, 2),
        device=st.sampled_from(["cpu", "cuda"]),
        gpus=st.sampled_from([(), ("A",), ("A", "A")]),
        cuda_driver=st.none() | st.just("1"),
    ),
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    this_environment.cache_clear()
    yield
    this_environment.cache_clear()


@given(then=ENVIRONMENTS, now=ENVIRONMENTS)
@settings(deadline=None)
def test_every_difference_is_named_once_and_equal_ones_have_none(then: Environment, now: Environment) -> None:
    lines = differences(then, now)
    assert (lines == []) == (then == now)
    keys = [line.split(":")[0] for line in lines]
    assert len(keys) == len(set(keys))
    for name in ("project", "commit", "dirty", "python"):
        assert (name in keys) == (getattr(then, name) != getattr(now, name))
    for package in ("torch", "ray"):
        assert (f"packages.{package}" in keys) == (then.packages.get(package) != now.packages.get(package))
    assert len(differences(now, then)) == len(lines)


def test_a_difference_reads_as_a_sentence() -> None:
    now = this_environment()
    then = replace(
        now,
        packages={**now.packages, "torch": "1.0"},
        hardware=replace(now.hardware, gpus=("NVIDIA A", "NVIDIA A")),
    )
    assert differences(then, now) == [
        f"packages.torch: 1.0 then, {now.packages['torch']} now",
        "hardware.gpus: NVIDIA A, NVIDIA A then, none now",
    ]


def test_the_gpus_and_their_driver_are_those_that_the_drivers_tool_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf 'NVIDIA H100, 550.54\\nNVIDIA H100, 550.54\\n'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    hardware = this_environment().hardware
    assert (hardware.gpus, hardware.cuda_driver) == (("NVIDIA H100", "NVIDIA H100"), "550.54")


@pytest.mark.parametrize("repository", ["no checkout at all", "a folder in another checkout"])
def test_outside_of_a_checkout_there_is_no_commit(
    repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = environment.REPOSITORY / "pipeline"
    place = inside if repository == "a folder in another checkout" else tmp_path
    monkeypatch.setattr(environment, "REPOSITORY", place)
    found = this_environment()
    assert (found.commit, found.dirty) == (None, None)


def test_without_git_or_gpu_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = this_environment()
    assert (found.commit, found.dirty) == (None, None)
    assert (found.hardware.gpus, found.hardware.cuda_driver) == ((), None)
    assert "torch" in found.packages


def test_it_is_told_in_a_line() -> None:
    hardware = Hardware("Linux x86_64", None, 2, None, "cpu", (), None)
    packages = {"torch": "2.13.0", "numpy": "2.4.0", "transformers": "5.23.0"}
    own = Environment("1.0", "0d755d7" + "0" * 33, True, "3.11.2", packages, hardware)
    told = "commit 0d755d7 with changes, Python 3.11.2, torch 2.13.0, transformers 5.23.0, cpu (2 cores)"
    assert str(own) == told
    gpus = replace(hardware, gpus=("NVIDIA H100", "NVIDIA H100"))
    assert str(replace(own, commit=None, hardware=gpus)).endswith("5.23.0, NVIDIA H100, NVIDIA H100")
