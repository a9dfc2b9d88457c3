"""`bodydock clip`, `clips` by article 17, `assignments check`: English words, Chinese data."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from agent.cli.main import cli
from agent.errors import BodydockError, ConfigError, UsageError
from agent.spool.entry import Owned
from tests.cases.books import OWNED, clip_id, dock_file, ledger_in, seen

CLIP = clip_id(1)
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    case = replace(
        OWNED.case,
        used_from="2026-08-04T02:00:00.000Z",
        used_until="2026-08-04T02:00:09.000Z",
        party="王某某",
        cause="违章停车",
    )
    with closing(ledger_in(tmp_path)) as ledger:
        seen(ledger, 1, Owned(case, "assignments, line 2"))
        seen(ledger, 2, Owned(replace(case, officer="110102", officer_name="李四", party=""), "x"))
    path = dock_file(tmp_path, '[recorders]\nzone = "Asia/Shanghai"\n')

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, [*arguments, "--config", str(path)])

    return invoke


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def refused(result: Result) -> str:
    assert isinstance(result.exception, BodydockError), result.output
    return str(result.exception)


def test_show_tells_everything(run: Run) -> None:
    run("clip", "hold", CLIP, "--reason", "dispute", "--note", "投诉", "--by", "赵队")
    page = run("clip", "show", CLIP).output
    for words in ("张三", "东城交警大队", "王某某", "违章停车", "assignments, line 2", "hold 1"):
        assert words in page
    told = document(run("clip", "show", CLIP, "--json"))
    assert [each["version"] for each in told["case"]] == [1]
    assert [(each["reason"], each["stands"]) for each in told["holds"]] == [("dispute", True)]
    assert [each["kind"] for each in told["custody"]] == ["found", "annotated", "held"]


def test_annotate_hold_and_lift(run: Run) -> None:
    by = ("--by", "赵队")
    shown = run("clip", "annotate", CLIP, "--officer", "110103", "--why", "换班", *by).output
    assert "version 2" in shown
    assert "110103" in shown
    taken = ("--party", "", "--importance", "9", "--case", "京公2026-77", "--why", "更正")
    case = document(run("clip", "annotate", CLIP, *taken, *by, "--json"))["case"]
    assert (case["party"], case["importance"], case["case_number"]) == ("", 9, "京公2026-77")
    held = document(run("clip", "hold", CLIP, "--reason", "mass-incident", *by, "--json"))
    assert (held["reason"], held["stands"], held["number"]) == ("mass-incident", True, 1)
    lift = ("clip", "lift", CLIP, "--why", "已结案", "--by", "钱局", "--approval", "京2026-1")
    assert "lifted by 钱局" in run(*lift).output
    assert "no hold stands" in refused(run(*lift))


def test_what_is_needed_is_asked_for(run: Run) -> None:
    assert run("clip", "annotate", CLIP, "--officer", "7", "--by", "赵队").exit_code == 2
    assert run("clip", "lift", CLIP, "--why", "x", "--by", "y").exit_code == 2
    assert run("clip", "hold", CLIP, "--reason", "boredom", "--by", "y").exit_code == 2
    words = ("--why", "立案", "--by", "赵队")
    assert "approval" in refused(run("clip", "annotate", CLIP, "--retention", "evidence", *words))
    unknown = run("clip", "annotate", CLIP, "--retention", "没有", *words)
    assert "one of: routine, evidence, long-term, permanent" in refused(unknown)
    assert "nothing to annotate" in refused(run("clip", "annotate", CLIP, *words))


def test_a_clip_is_named_by_the_beginning_of_its_id(run: Run) -> None:
    assert "several clips begin with '00'" in refused(run("clip", "show", "00"))
    for prefix in ("ff", "", "%", "0x"):
        assert "no clip begins with" in refused(run("clip", "show", prefix))


def found(run: Run, *arguments: str) -> list[int]:
    return sorted(int(each["clip"], 16) for each in document(run("clips", "--json", *arguments)))


def test_clips_are_searched_by_article_17(run: Run) -> None:
    run("clip", "hold", clip_id(2), "--reason", "evidence", "--by", "赵队")
    asked: dict[tuple[str, ...], list[int]] = {
        (): [1, 2],
        ("--officer", "张三"): [1],
        ("--officer", "110102"): [2],
        ("--unit", "东城交警大队"): [1, 2],
        ("--party", "王某"): [1],
        ("--cause", "停车"): [1, 2],
        ("--name", "a.mp4"): [1, 2],
        ("--held",): [2],
        ("--recorder", "S0001", "--since", "2026-08-04 10:00"): [1, 2],
        ("--since", "2026-08-04 10:01"): [],
        ("--until", "2026-08-04"): [1, 2],
        ("--until", "2026-08-04T02:00:00Z"): [],
        ("--case", "京"): [],
    }
    for arguments, expected in asked.items():
        assert found(run, *arguments) == expected, arguments
    with pytest.raises(UsageError, match="--since 'soon' is no moment"):
        raise run("clips", "--since", "soon").exception or AssertionError


def test_assignments_are_checked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    header = "serial,officer,officer_name,unit,from,until\n"
    path.write_text(f"{header}S0001,110101,张三,东城交警大队,2026-08-04 08:00,\n", "gb18030")
    (line,) = document(run("assignments", "check", str(path), "--json"))
    assert (line["officer_name"], line["from"]) == ("张三", "2026-08-04T00:00:00.000Z")
    assert "good, 1 assignments" in run("assignments", "check", str(path)).output
    path.write_text(f"{header}S0001,,,,2026-08-04 08:00,\n", "utf-8")
    with pytest.raises(ConfigError, match=r"a\.csv:2: names neither"):
        raise run("assignments", "check", str(path)).exception or AssertionError


@pytest.mark.parametrize("command", [("clip", "show", CLIP), ("clips",)])
def test_pages_fit_a_terminal(
    run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console

    monkeypatch.setattr("agent.cli.show.console", lambda: Console(width=80, highlight=False))
    monkeypatch.setattr("agent.cli.clip.console", lambda: Console(width=80, highlight=False))
    monkeypatch.setattr("agent.cli.clips.console", lambda: Console(width=80, highlight=False))
    run("clip", "annotate", CLIP, "--remark", "长" * 300, "--why", "因" * 300, "--by", "赵队")
    for line in run(*command).output.splitlines():
        assert cell_len(line) <= 80, line


def test_clips_say_whose_they_are(run: Run) -> None:
    assert {each["officer"] for each in document(run("clips", "--json"))} == {"张三", "李四"}
    page = run("clips").output
    assert "张三" in page
    assert "李四" in page


def test_a_moment_without_its_zone_is_refused_with_the_way_to_write_it(run: Run) -> None:
    words = ("--used-from", "2026-08-04", "--why", "x", "--by", "赵队")
    assert "write it like 2026-" in refused(run("clip", "annotate", CLIP, *words))


def test_an_archive_that_never_ran_says_so(tmp_path: Path) -> None:
    path = tmp_path / "archive.toml"
    path.write_text(f'[archive]\nid = "c"\nreceiver = "c-1"\nroot = "{tmp_path}/none"\n')
    for command in (["find"], ["due"], ["findings"], ["exports"]):
        words = refused(CliRunner().invoke(cli, ["archive", *command, "--config", str(path)]))
        assert "there is no catalogue at" in words
        assert "has the archive run here?" in words
