"""The command line: words, exit codes, and what it reads without a daemon."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from agent import live
from agent.cli.clips import clips
from agent.cli.logs import JournalFormatter, JsonFormatter, start_logging
from agent.cli.run import validate
from agent.cli.show import shown, size_text
from agent.clock import SystemClock
from agent.live import Live
from agent.model import Identity
from agent.spool.entry import Sighting
from agent.spool.ledger import Ledger

KEY = "ed25519:" + "ab" * 32
NOW = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)


def bodydock(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "dock.toml"
    path.write_text(
        f'[dock]\nid = "d"\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n'
        f'[archive]\nkeys = ["{KEY}"]\n',
        "utf-8",
    )
    return path


def fill(folder: Path, path: str) -> None:
    ledger = Ledger(folder / "ledger.db", SystemClock())
    identity = Identity("Maker", "Model", "S1", "1.0")
    contact = ledger.begin_contact("3", identity, None, None)
    clip = "ab" * 32
    ledger.see(
        Sighting(clip, contact, identity, "3", "card", path, 5000, "20260804T100000", marked=True)  # type: ignore[arg-type]
    )
    ledger.close()


def test_a_broken_configuration_is_78_and_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "dock.toml"
    path.write_text('[dock]\nidd = "x"\n', "utf-8")
    for command in (["run"], ["validate"], ["status"], ["clips"]):
        done = bodydock(*command, "--config", str(path))
        assert done.returncode == 78
        assert "dock.toml:2: dock.idd: unknown key" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("mode", "hours", "noted"), [("on", 72, True), ("on", 73, False), ("off", 72, False)]
)
def test_a_copy_that_may_go_before_its_recorder_is_cleared_is_told_of(
    config: Path, mode: str, hours: int, noted: bool
) -> None:
    words = f'[clearing]\nmode = "{mode}"\n[spool]\nhold_hours = {hours}\n'
    config.write_text(config.read_text("utf-8") + words, "utf-8")
    done = CliRunner().invoke(validate, ["--config", str(config)])
    assert done.exit_code == 0, done.output
    assert ("clearing.grace_hours" in done.output) is noted
    assert max(map(len, done.output.splitlines()[1:]), default=0) <= 88


def test_a_daemon_leaves_no_core() -> None:
    words = "from agent.cli.memory import no_core as n; import resource as r; n(); "
    words += "print(r.getrlimit(r.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "(0, 0)\n"


def test_wrong_usage_is_2() -> None:
    assert bodydock("fly").returncode == 2
    assert bodydock("clips", "--state", "lost").returncode == 2


def test_help_names_every_command() -> None:
    told = bodydock("--help").stdout
    for command in ("run", "status", "clips", "recorders", "validate", "archive", "demo"):
        assert f"\n  {command} " in told


def test_status_and_clips_without_a_ledger_say_so(config: Path) -> None:
    for command in ("status", "clips"):
        done = bodydock(command, "--config", str(config))
        assert done.returncode == 1
        assert "no ledger" in done.stderr


def test_status_and_clips_of_a_stopped_dock(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, "DCIM/A.mp4")
    before = sorted(path.name for path in tmp_path.iterdir())
    status = json.loads(bodydock("status", "--json", "--config", str(config)).stdout)
    assert status["running"] is False
    assert status["clips"]["seen"] == {"clips": 1, "bytes": 5000}
    (clip,) = json.loads(bodydock("clips", "--json", "--config", str(config)).stdout)
    assert (clip["path"], clip["state"], clip["marked"]) == ("DCIM/A.mp4", "seen", True)
    assert "not running" in bodydock("status", "--config", str(config)).stdout
    assert "DCIM/A.mp4" in bodydock("clips", "--config", str(config)).stdout
    assert bodydock("clips", "ff", "--json", "--config", str(config)).stdout.strip() == "[]"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_recorders_text_cannot_paint_the_terminal(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, "DCIM/\x1b[31m[bold]\u202egpj.mp4")
    told = bodydock("clips", "--config", str(config)).stdout
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "\\u{1b}[31m[bold]\\u{202e}gpj.mp4" in told


def test_a_narrow_table_of_clips_has_whole_ids_and_paths(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cli.clips.console", lambda: Console(width=80))
    path = "DCIM/100MEDIA/DCAM_CAM001_000001_20260804_100000_IMP.mp4"
    fill(tmp_path, path)
    table = CliRunner().invoke(clips, ["--config", str(config)]).output.splitlines()
    assert all(cell_len(line) <= 80 for line in table)
    assert table[1].startswith("ab" * 6 + " ")
    at, end = table[0].index("path"), table[0].index("size")
    assert path in "".join(line[at:end].strip().partition(" ")[0] for line in table[1:])


def test_an_archive_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "archive.toml"
    path.write_text(f'[archive]\nid = "a"\nreceiver = "a-1"\nroot = "{tmp_path}"\n', "utf-8")
    first = bodydock("archive", "key", "--config", str(path))
    assert first.stdout.startswith("ed25519:")
    assert bodydock("archive", "key", "--config", str(path)).stdout == first.stdout
    told = json.loads(bodydock("archive", "key", "--json", "--config", str(path)).stdout)
    assert told["key"] == first.stdout.strip()


def test_a_reader_that_has_had_enough(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, "DCIM/A.mp4")
    command = f"{sys.executable} -m agent.cli clips --config {config} | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=60)
    assert b"Traceback" not in done.stderr


def test_no_room_behind_standard_output_is_said_in_words(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, "DCIM/A.mp4")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "agent.cli", "clips", "--config", str(config)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_dock_has_a_public_key(config: Path) -> None:
    told = bodydock("key", "--config", str(config)).stdout
    assert told.startswith("ed25519:")
    assert bodydock("key", "--config", str(config)).stdout == told
    document = json.loads(bodydock("key", "--json", "--config", str(config)).stdout)
    assert (document["dock"], document["key"]) == ("d", told.strip())


def test_a_key_that_cannot_be_made_is_77(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where a folder should be", "utf-8")
    path = tmp_path / "archive.toml"
    path.write_text(f'[archive]\nid = "a"\nreceiver = "a-1"\nroot = "{tmp_path}"\n', "utf-8")
    done = bodydock("archive", "key", "--config", str(path))
    assert done.returncode == 77
    assert "can be neither read nor made" in done.stderr


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 * 2**40, "3.0 TiB")]
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert size_text(count) == text


def test_markup_from_a_device_is_text() -> None:
    assert shown("[red]x") == "\\[red]x"


class TestLive:
    def moment(self, pid: int = os.getpid()) -> Live:
        return Live(at=NOW, pid=pid, bays=[], uplink={"connected": False}, intake="")

    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        live.write(tmp_path, self.moment())
        assert live.read(tmp_path, NOW) == self.moment()
        live.remove(tmp_path)
        assert live.read(tmp_path, NOW) is None

    def test_what_is_old_or_of_a_dead_process_is_not_shown(self, tmp_path: Path) -> None:
        live.write(tmp_path, self.moment())
        assert live.read(tmp_path, NOW + timedelta(seconds=6)) is None
        done = subprocess.Popen(["true"])
        done.wait()
        live.write(tmp_path, self.moment(done.pid))
        assert live.read(tmp_path, NOW) is None

    @pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"at": 5}', b"\xff"])
    def test_a_broken_file_is_no_daemon(self, tmp_path: Path, raw: bytes) -> None:
        (tmp_path / live.NAME).write_bytes(raw)
        assert live.read(tmp_path, NOW) is None


class TestLogs:
    def record(self, text: str) -> logging.LogRecord:
        return logging.LogRecord("agent.x", logging.WARNING, "f", 1, text, (), None)

    def test_the_journal_reads_the_priority(self) -> None:
        assert JournalFormatter().format(self.record("hot")) == "<4>hot"

    def test_a_machine_reads_json(self) -> None:
        line = json.loads(JsonFormatter().format(self.record("hot")))
        assert (line["level"], line["from"], line["message"]) == ("warning", "agent.x", "hot")

    def test_a_message_cannot_forge_another(self) -> None:
        told = JournalFormatter().format(self.record("name\n<0>all is lost\x1b[2J"))
        assert len(told.splitlines()) == 1
        assert "\x1b" not in told

    def test_the_form_follows_where_it_goes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        out = io.StringIO()
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            monkeypatch.setenv("JOURNAL_STREAM", "8:1")
            start_logging(form="auto", level="info", stream=out)
            logging.getLogger("x").info("one")
            monkeypatch.delenv("JOURNAL_STREAM")
            start_logging(form="auto", level="info", stream=out)
            logging.getLogger("x").info("two")
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        first, second = out.getvalue().splitlines()
        assert first == "<6>one"
        assert json.loads(second)["message"] == "two"
