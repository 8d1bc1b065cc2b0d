"""Words that hold lists: every list comes back, written in any of the ways a user writes one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.inputs.word_list import read_list

PLAIN = (
    st.text("abcxyz019/._~=: ()[-#\\", min_size=1)
    .map(str.strip)
    .filter(lambda text: text and not text.startswith("["))
)
QUOTED = st.text("abc,[] /#\\", min_size=1).filter(str.strip)


@given(
    st.lists(PLAIN, min_size=1),
    st.sampled_from(["{}", "[{}]", " [ {} ]"]),
    st.sampled_from([",", ", ", " ,,"]),
)
def test_entries_come_back(entries: list[str], form: str, between: str) -> None:
    assert read_list({"key": form.format(between.join(entries))}, "key") == entries


@given(st.lists(QUOTED, min_size=1), st.sampled_from("'\""))
def test_quotes_keep_commas_and_brackets(entries: list[str], mark: str) -> None:
    text = ",".join(f"{mark}{entry}{mark}" for entry in entries)
    assert read_list({"key": f"[{text}]"}, "key") == [entry.strip() for entry in entries]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[a,b", "can't be read as a list (no closing bracket); write key=[A,B]"),
        ("['a,b]", "can't be read as a list (no closing quotation mark); write key=[A,B]"),
        ("[]", "must not be empty; give it a value, or leave it out"),
        ("", "must not be empty; give it a value, or leave it out"),
        ("[ , ]", "must not be empty; give it a value, or leave it out"),
    ],
)
def test_what_is_no_list_is_told(text: str, rule: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_list({"key": text}, "key")
    assert error.value.lines == [f"key={text}: {rule}"]
    assert read_list({}, "key") == []
