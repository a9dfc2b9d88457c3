"""The folders for people: named from case data, safe whatever was written, and never in the way."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.archive.catalogue import Catalogue
from agent.archive.records import ClipRow
from agent.archive.template import FIELDS, PART_BYTES, Template, extension, facts_of, safe_part
from agent.archive.tree import TREE, Tree
from agent.custody.envelopes import seal
from agent.custody.orders import Order
from agent.errors import ConfigError
from agent.model import CaseData
from agent.wire.contract import OFFER_TYPE, Manifest
from agent.wire.facts import RecorderFacts, TimeFacts, ToldFacts

from .docks import manifest_of, secret_key
from .logs import annotated, tell
from .test_catalogue import receipt_of

TEMPLATE = "{unit}/{officer}/{date}/{name}"
KEY = secret_key()
TIME = TimeFacts(
    local="2026-08-04T10:02:03",
    source="name",
    zone_offset=28_800.0,
    earliest="2026-08-03T23:02:03.000Z",
    latest="2026-08-03T23:02:09.000Z",
)
HOSTILE = st.text(
    st.one_of(
        st.sampled_from("/\\.:*?\"<>|\0\n\t \u202e\u200b\u2066\ud800%~-'$`{}"),
        st.characters(),
        st.sampled_from("CONPRNaux12汉字é\u0301"),
    ),
    max_size=400,
)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue(tmp_path / "catalogue.db", archive="county", epoch="e") as opened:
        opened.shows = True
        yield opened


def deliver(catalogue: Catalogue, root: Path, data: bytes, **changes: Any) -> Manifest:
    facts: dict[str, Any] = {"path": "DCIM/0001.MP4", "facts": ToldFacts(time=TIME)}
    manifest = manifest_of(data, **(facts | changes))
    place = root / "objects" / manifest.blake3
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(data)
    envelope = seal(OFFER_TYPE, manifest.encode(), KEY)
    catalogue.record(manifest, envelope, receipt_of(manifest), b"receipt")
    return manifest


def links(root: Path) -> dict[str, bytes]:
    """Every link by its path, with what it leads to."""
    top = root / TREE
    found = [Path(at) / name for at, _, files in os.walk(top) for name in files]
    return {str(path.relative_to(top)): path.read_bytes() for path in found}


def work(tree: Tree) -> None:
    while tree.step():
        pass


def test_a_clip_is_named_from_what_is_known_and_again_when_that_changes(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    tree = Tree(tmp_path, catalogue, TEMPLATE)
    clip = deliver(catalogue, tmp_path, b"one").clip
    work(tree)
    assert links(tmp_path) == {"unknown unit/unknown officer/2026-08-04/0001.MP4": b"one"}
    tell(catalogue, "d1", annotated(1, clip, 1, officer="100201", unit="Patrol 2"))
    work(tree)
    assert links(tmp_path) == {"Patrol 2/100201/2026-08-04/0001.MP4": b"one"}
    assert [path.name for path in (tmp_path / TREE).iterdir()] == ["Patrol 2"]
    order = Order("annotate", clip, "li", "named", "", {"name": "巡查"})
    catalogue.annotate(order, "2026-11-23T09:00:00.000Z")
    work(tree)
    assert list(links(tmp_path)) == ["Patrol 2/100201/2026-08-04/巡查.MP4"]
    (link,) = (tmp_path / TREE).rglob("*.MP4")
    assert str(link.readlink()).startswith("../../../../objects/")


def test_names_that_collide_are_numbered_and_keep_their_number(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    tree = Tree(tmp_path, catalogue, "{name}")
    clips = [deliver(catalogue, tmp_path, data).clip for data in (b"one", b"two", b"three")]
    deliver(catalogue, tmp_path, b"four", path="0001.mp4")
    work(tree)
    names = ["0001 (2).MP4", "0001 (3).MP4", "0001 (4).mp4", "0001.MP4"]
    assert sorted(links(tmp_path)) == names
    assert sorted(links(tmp_path).values()) == [b"four", b"one", b"three", b"two"]
    before = links(tmp_path)
    assert tree.rebuild() == {"links": 4}
    assert links(tmp_path) == before
    tell(catalogue, "d1", annotated(1, clips[0], 1, name="other"))
    work(tree)
    assert links(tmp_path)["other.MP4"] == b"one"
    assert len(links(tmp_path)) == 4


def test_an_encrypted_object_says_so(catalogue: Catalogue, tmp_path: Path) -> None:
    tree = Tree(tmp_path, catalogue, "{name}")
    manifest = deliver(catalogue, tmp_path, b"one")
    catalogue._db.conn.execute(
        "insert into stored_form values (?, 'age', 'age1', 'x', 1, 'x', 0)", [manifest.blake3]
    )
    catalogue._db.conn.commit()
    work(tree)
    assert list(links(tmp_path)) == ["0001.MP4.age"]


def test_another_template_names_everything_anew(catalogue: Catalogue, tmp_path: Path) -> None:
    for number in range(5):
        deliver(catalogue, tmp_path, bytes([number]))
    tree = Tree(tmp_path, catalogue, TEMPLATE)
    tree.begin()
    work(tree)
    other = Tree(tmp_path, catalogue, "{recorder}/{file}")
    other.begin()
    work(other)
    assert {path.split("/")[0] for path in links(tmp_path)} == {"S-1"}
    again = Tree(tmp_path, catalogue, "{recorder}/{file}")
    again.begin()
    assert not again.step()


def test_what_is_not_ours_is_left_alone_and_no_link_is_followed(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / TREE).mkdir()
    (tmp_path / TREE / "S-1").symlink_to(outside)
    (tmp_path / TREE / "notes.txt").write_text("mine", "utf-8")
    (tmp_path / TREE / "stray").symlink_to("nowhere")
    tree = Tree(tmp_path, catalogue, "{recorder}/{name}")
    deliver(catalogue, tmp_path, b"one")
    work(tree)
    assert list(outside.iterdir()) == []
    tree.rebuild()
    assert (tmp_path / TREE / "notes.txt").read_text("utf-8") == "mine"
    assert not (tmp_path / TREE / "stray").is_symlink()
    tree.rebuild()
    assert (tmp_path / TREE / "S-1" / "0001.MP4").read_bytes() == b"one"
    assert len(list((tmp_path / "objects").iterdir())) == 1


def test_a_file_in_the_place_of_a_link_stays(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / TREE).mkdir()
    (tmp_path / TREE / "0001.MP4").write_bytes(b"mine")
    tree = Tree(tmp_path, catalogue, "{name}")
    deliver(catalogue, tmp_path, b"one")
    work(tree)
    assert (tmp_path / TREE / "0001.MP4").read_bytes() == b"mine"


# Templates.


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "a//b", "/{unit}", "{unit}/", "{0}", "{}", "{unit.x}", "{unit!r}", "{unit:>9}"),
        *("{unit", "unit}", "{colour}", "{unit[0]}", "/".join(["{unit}"] * 13), "{unit}/ /{name}"),
    ],
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="tree"):
        Template.parse(text)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", ""),
        (".", ""),
        (" . ", ""),
        (".hidden", "hidden"),
        ("a\u202eb\u0000c\nd", "a_b_c d"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("Lpt1 .x", "_Lpt1 .x"),
        ("console", "console"),
        ("trailing. . ", "trailing"),
        ('a:b*c?d"e<f>g|h\\i', "a_b_c_d_e_f_g_h_i"),
        ("e\u0301", "é"),
        ("汉" * 100, "汉" * (PART_BYTES // 3)),
    ],
)
def test_a_value_becomes_one_harmless_part(text: str, safe: str) -> None:
    assert safe_part(text) == safe


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), HOSTILE))
def test_no_value_leaves_its_folder(facts: dict[str, str]) -> None:
    template = Template.parse("x{unit}/{officer}{party}/{date}. /{name}")
    parts = template.folders(facts)
    assert len(parts) == 4
    for part in parts:
        assert part not in {"", ".", ".."}
        assert not set(part) & set('/\\:*?"<>|\0')
        assert len(part.encode()) <= PART_BYTES
        assert part == part.strip(" .")
        assert part.isprintable()
        assert safe_part(part) == part


@pytest.mark.parametrize(
    ("name", "bare"), [("出警.mp4", "出警"), ("出警.MP4", "出警"), ("出警", "出警"), ("", "a")]
)
def test_a_name_with_its_extension_gets_no_second_one(name: str, bare: str) -> None:
    blank: dict[str, Any] = dict.fromkeys(ClipRow.__dataclass_fields__, "")
    row = ClipRow(**{**blank, "path": "A/a.mp4", "zone_offset": None})
    assert facts_of(row, CaseData(name=name), "routine")["name"] == bare


@given(HOSTILE)
def test_an_extension_is_plain_or_none(path: str) -> None:
    found = extension(path)
    assert found == "" or (found[1:].isascii() and found[1:].isalnum())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), min_size=1, max_size=4))
def test_whatever_docks_say_links_stay_in_the_tree_and_lead_to_objects(
    told: list[tuple[str, str, str]],
) -> None:
    def clean(text: str) -> str:
        return text.encode("utf-8", "ignore").decode()[:255]

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Catalogue(root / "catalogue.db", archive="county", epoch="e") as catalogue:
            tree = Tree(root, catalogue, TEMPLATE)
            for number, (path, serial, unit) in enumerate(told):
                recorder = RecorderFacts(
                    maker="A", model="1", serial=clean(serial) or "x", firmware="1"
                )
                data = bytes([number])
                deliver(catalogue, root, data, path=clean(path) or "x", recorder=recorder)
                clip = manifest_of(data).clip
                tell(catalogue, "d1", annotated(number, clip, 1, unit=clean(unit)))
            work(tree)
            found = links(root)
            assert sorted(found.values()) == [bytes([n]) for n in range(len(told))]
            assert all(len(PurePosixPath(path).parts) == 4 for path in found)
        assert sorted(each.name for each in root.iterdir()) == sorted(
            ["catalogue.db", "objects", TREE]
        )


@pytest.mark.parametrize("lost", ["_unlink", "_link", "shown"])
def test_a_crash_at_any_step_leaves_no_old_name_behind(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    tree = Tree(tmp_path, catalogue, "{officer}/{name}")
    clip = deliver(catalogue, tmp_path, b"one").clip
    work(tree)
    tell(catalogue, "d1", annotated(1, clip, 1, officer="100201"))

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(catalogue if lost == "shown" else tree, lost, power_cut)
        with pytest.raises(KeyboardInterrupt):
            tree.step()
    work(Tree(tmp_path, catalogue, "{officer}/{name}"))
    assert links(tmp_path) == {"100201/0001.MP4": b"one"}
