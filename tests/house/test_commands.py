"""The two commands of the README are what CI runs, and .ci/do keeps its word with no network."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from venv import EnvBuilder

import pytest

from .tree import ROOT

DO = ROOT / ".ci" / "do"
RUN = ROOT / ".ci" / "run"
LINES = 210


def test_the_readme_has_the_two_commands_and_ci_runs_its_tests_last() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert set(re.findall(r"\./\.ci/do \w+", readme)) == {"./.ci/do demo", "./.ci/do tests"}
    assert RUN.read_text("utf-8").splitlines()[-1] == "exec ./.ci/do tests"


def test_ci_run_is_bash() -> None:
    subprocess.run(["bash", "-n", str(RUN)], check=True)


def test_do_is_one_short_program_that_needs_only_python() -> None:
    text = DO.read_text("utf-8")
    assert os.access(DO, os.X_OK)
    assert len(text.splitlines()) <= LINES
    imported = re.findall(r"^ *(?:import|from) (\w+)", ast.unparse(ast.parse(text)), re.MULTILINE)
    assert set(imported) - sys.stdlib_module_names == set()


# A checkout of its own, where the programs of the environment are stand-ins that write down how
# they were called. Nothing here reaches a network or this checkout.


class Checkout:
    def __init__(self, top: Path) -> None:
        self.top = top
        (top / ".ci").mkdir()
        shutil.copy(DO, top / ".ci" / "do")
        for name in ("requirements.lock", "pyproject.toml"):
            (top / name).write_text(name, encoding="utf-8")
        self.stand_in("pip", "exit 0")
        for name in ("python", "bodydock"):
            self.stand_in(name, f'echo {name} "$@" >> "$0".log')

    def stand_in(self, name: str, does: str, folder: str = ".venv/bin") -> None:
        program = self.top / folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        program.chmod(0o755)

    def calls(self, name: str, folder: str = ".venv/bin") -> list[str]:
        log = self.top / folder / f"{name}.log"
        return log.read_text("utf-8").splitlines() if log.exists() else []

    def do(self, *arguments: str, path: str = os.defpath) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.top / ".ci" / "do"), *arguments]
        return subprocess.run(
            command, env={"PATH": path}, check=False, capture_output=True, text=True
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_demo_gets_its_options_and_its_exit_status_comes_back(checkout: Checkout) -> None:
    checkout.stand_in("bodydock", 'echo "$@"; exit 7')
    done = checkout.do("demo", "--recorders", "two words")
    assert (done.returncode, done.stdout) == (7, "demo --recorders two words\n")


def test_set_up_installs_by_digest_and_then_the_project_itself(checkout: Checkout) -> None:
    assert checkout.do("setup").returncode == 0
    locked, itself = checkout.calls("python")
    assert "install --quiet --require-hashes" in locked
    assert locked.endswith(f"{checkout.top}/requirements.lock")
    assert "--no-deps --no-build-isolation --editable" in itself


def test_a_second_start_installs_nothing(checkout: Checkout) -> None:
    checkout.do("demo")
    first = checkout.calls("python")
    checkout.do("demo")
    assert checkout.calls("python") == first
    assert checkout.calls("bodydock") == ["bodydock demo"] * 2


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed(checkout: Checkout, changed: str) -> None:
    checkout.do("setup")
    first = checkout.calls("python")
    (checkout.top / changed).write_text("other", encoding="utf-8")
    checkout.do("setup")
    assert len(checkout.calls("python")) == 2 * len(first)


def test_without_a_network_it_says_what_to_do_and_starts_nothing(checkout: Checkout) -> None:
    checkout.stand_in("python", "echo no route; exit 1")
    for _ in range(2):  # a set-up that failed is not taken for done
        done = checkout.do("demo")
        assert done.returncode == 1
        assert "no route" in done.stderr
        assert "connect this machine" in done.stderr
    assert checkout.calls("bodydock") == []


def test_the_tests_get_the_programs_they_start(checkout: Checkout) -> None:
    checkout.stand_in("env", 'echo "$@" >> "$0".log', folder="bin")
    checkout.stand_in("sudo", 'echo "$@" >> "$0".log', folder="bin")
    checkout.stand_in("apt-get", "exit 9", folder="bin")
    checkout.stand_in("strace", "exit 0", folder="bin")
    checkout.do("tests", "-k", "house", path=str(checkout.top / "bin"))
    (call,) = checkout.calls("env", "bin") + checkout.calls("sudo", "bin")
    wanted = call.partition("--no-install-recommends ")[2].split()
    assert {"b3sum", "ffmpeg", "mtools"} <= set(wanted), "by the names of their packages"
    assert not {"strace", "mcopy"} & set(wanted)
    assert checkout.calls("python")[-1] == "python -m pytest -k house"


def _programs() -> str:
    text = DO.read_text("utf-8")
    return text[text.index("TEST_PROGRAMS = (") : text.index("SBIN")]


def test_the_tests_run_on_the_python_of_the_checkout(checkout: Checkout) -> None:
    checkout.do("setup")
    for name in re.findall(r'[\w.-]+(?=(?::[\w-]+)?[ "])', _programs()):
        checkout.stand_in(name, "exit 0", folder="bin")
    venv = checkout.top / ".venv"
    (venv / "bin" / "python").unlink()
    EnvBuilder(symlinks=True).create(venv)
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "pytest.py").write_text("import sys; print(sys.prefix)", encoding="utf-8")
    assert checkout.do("tests", path=str(checkout.top / "bin")).stdout.strip() == str(venv)


def test_the_demo_needs_no_debian_package(checkout: Checkout) -> None:
    checkout.stand_in("apt-get", 'echo >> "$0".log', folder="bin")
    assert checkout.do("demo", path=f"{checkout.top}/bin:{os.defpath}").returncode == 0
    assert checkout.calls("apt-get", "bin") == []


def test_a_machine_without_apt_is_told_what_to_install(checkout: Checkout) -> None:
    done = checkout.do("tests", path=str(checkout.top / "bin"))
    assert done.returncode == 1
    assert re.search(r"as root, then come back:\n +apt-get install b3sum ffmpeg", done.stderr)


def test_a_command_that_is_none_gets_the_usage(checkout: Checkout) -> None:
    assert checkout.do("frobnicate").returncode == 2
    assert "./.ci/do demo" in checkout.do("--help").stderr
