"""runs=[NAME=FOLDER]: names of a user's own for what is compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.inputs.named_places import Named, read_named


def test_a_name_stands_before_its_place() -> None:
    found = read_named({"runs": "[base=outputs/a, my run = b ,outputs/c]"}, "runs")
    assert found == [Named("base", "outputs/a"), Named("my run", "b"), Named(None, "outputs/c")]
    assert read_named({}, "runs") == []
    found = read_named({"store": "[here=outputs/store,s3://bucket/a=b,away=s3://bucket/c=d]"}, "store")
    assert found == [
        Named("here", "outputs/store"),
        Named(None, "s3://bucket/a=b"),
        Named("away", "s3://bucket/c=d"),
    ]


def test_a_folder_whose_own_name_holds_the_sign_is_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lr=3").mkdir()
    monkeypatch.chdir(tmp_path)
    [plain, path, named] = read_named({"runs": f"[lr=3,{tmp_path}/lr=4/run,three=lr=3]"}, "runs")
    assert plain == Named(None, "lr=3") and path == Named(None, f"{tmp_path}/lr=4/run")
    assert named == Named("three", "lr=3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[=b]", "runs=[=b]: the name '' must be up to 100 letters"),
        ("[a: b=c]", "runs=[a: b=c]: the name 'a: b' must be"),
        ("[x/y=/]", "runs=[x/y=/]: the name 'x/y' must be"),
        ("[..=c]", "runs=[..=c]: the name '..' must be"),
        (f"[{'a' * 101}=c]", "must be up to 100 letters"),
        ("[a=]", "runs=[a=]: gives a name to nothing; write a=PLACE, or leave it out"),
        ("[a=b,a=c]", "runs=[a=b,a=c]: two are called a; give each a name of its own"),
        ("{a: b, c: d}", "runs={a: b, c: d}: is no list; write runs=[NAME=PLACE,NAME=PLACE]"),
    ],
)
def test_what_is_no_name_is_told(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_named({"runs": text}, "runs")
    [line] = told.value.lines
    assert expected in line


@pytest.mark.parametrize("entry", ["x,y", "mine=x,y"])
def test_a_place_with_a_comma_that_lacks_its_quotes_is_told(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x,y").mkdir()
    with pytest.raises(ConfigError) as told:
        read_named({"runs": f"[a,{entry},b]"}, "runs")
    line = f"""the comma in {entry} ends an entry; write 'runs=["{entry}",...]'"""
    assert told.value.lines == [f"runs=[a,{entry},b]: {line}"]
    assert [named.place for named in read_named({"runs": f'[a,"{entry}",b]'}, "runs")] == ["a", "x,y", "b"]
