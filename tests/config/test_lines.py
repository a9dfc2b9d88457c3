"""On which line a key stands, however its file is written."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.config.lines import key_lines

TEXT = '''\
list = [
  ["a", "]"],  # not a table, nor is [this]
  [ 1, 2 ],
]
facts = """
[no] table
key = "no key"
# and the end: """
name = """on one line [[ """
[[control.say]]
[control.say.reply]
form = '['
[[control.say]]
[[control.say.field]]
[[control.say.field]]
at = { here = 1,
  there = 2 }
"quoted" = 1
[other]
'''


def test_tables_in_lists_and_values_of_many_lines() -> None:
    lines = key_lines(TEXT)
    assert lines == {
        ("list",): 1,
        ("facts",): 5,
        ("name",): 9,
        ("control", "say"): 10,
        ("control", "say", 0): 10,
        ("control", "say", 0, "reply"): 11,
        ("control", "say", 0, "reply", "form"): 12,
        ("control", "say", 1): 13,
        ("control", "say", 1, "field"): 14,
        ("control", "say", 1, "field", 0): 14,
        ("control", "say", 1, "field", 1): 15,
        ("control", "say", 1, "field", 1, "at"): 16,
        ("control", "say", 1, "field", 1, "quoted"): 18,
        ("other",): 19,
    }


words = st.sampled_from(["a", "b", "c"])
values = st.sampled_from(["1", '"x"', "'['", '"""\n[a]\nb = 1\n"""', "[\n[1],\n[2] ]", "{ a = 1 }"])
pairs = st.dictionaries(words, values, max_size=3)
files = st.lists(
    st.tuples(words, st.lists(pairs, max_size=3)), max_size=3, unique_by=lambda f: f[0]
)


@given(files)
def test_every_key_is_found_on_its_own_line(tables: list[tuple[str, list[dict[str, str]]]]) -> None:
    text = ""
    expected: dict[tuple[Any, ...], int] = {}
    for name, items in tables:
        for number, item in enumerate(items):
            expected[name, number] = text.count("\n") + 1
            expected.setdefault((name,), expected[name, number])
            text += f"[[{name}]]\n"
            for key, value in item.items():
                expected[name, number, key] = text.count("\n") + 1
                text += f"{key} = {value}\n"
    tomllib.loads(text)
    assert key_lines(text) == expected


@given(st.text("[]{}=\"'\\#ab.\n ", max_size=60))
def test_no_text_raises(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in key_lines(text).values())
