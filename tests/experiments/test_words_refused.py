"""Names and overrides on the command line that are wrong: one sentence with what was meant."""

import pytest

from tests.experiments.checks import check_words


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("table3", "table3_music"),
        ("dmeo", "demo"),
    ],
)
def test_an_unknown_config_gets_a_hint(refused, name, hint):
    assert refused("list", name) == f"there is no config '{name}', did you mean '{hint}'?"


def test_a_file_beside_the_name_is_the_hint(refused, tiny, tmp_path, monkeypatch):
    for name, path in (("tiny", "tiny.yaml"), (f"{tmp_path}/tyni.yaml", tiny())):
        monkeypatch.chdir(tmp_path)
        assert refused("list", name) == f"there is no config '{name}', did you mean '{path}'?"


@pytest.mark.parametrize("name", ["zzz", "/nowhere/a.yaml", "x" * 300, "x" * 300 + ".yaml"])
def test_an_unknown_config_is_named(name, refused):
    assert name in refused("list", name)


def test_an_unknown_cell_gets_a_hint(refused):
    sentence = refused("run", "table1_language", "--cell", "sgd_1.1/cliping_5")
    assert sentence == (
        "config table1_language has no cell 'sgd_1.1/cliping_5', did you mean 'sgd_1.1/clipping_5'?"
    )


def test_cells_that_match_nothing_are_told(refused):
    assert "no config has a cell 'zzz*'" in refused("list", "--cells", "zzz*")
    sentence = refused("table", "demo", "--cells", "zzz*")
    assert "config demo has no cell 'zzz*'" in sentence
    assert "sgd/clipping_20, sgd/clipping_5, sgd/projection_0.2" in sentence


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("epochs", "expected key=value"),
        ("=3", "expected key=value"),
        ("", "expected key=value"),
        ("epoch=3", "did you mean 'epochs'?"),
        ("cells=3", "unknown key"),
        ("epochs=many", "integer"),
        ("epochs='2'", "integer"),
        ("learning_rate=1e400", "finite"),
        ("threshold=null", "threshold"),
        ("method=none", "threshold"),
        ("task=music", "'music'"),
        ("epochs=[1", "not valid YAML"),
        ("units=!!int ''", "not valid YAML"),
        ("layers=true", "key 'layers'"),
        ("epochs=\x00", "not valid YAML"),
        ("epochs=" + "9" * 5000, "not valid YAML"),
        ("epochs=2020-99-99", "not valid YAML"),
    ],
    ids=lambda text: text[:25],
)
@pytest.mark.parametrize("command", ["list", "run", "table"])
def test_a_bad_override_is_one_sentence(call, command, given, expected):
    words = ["--cell", "sgd_1.1/clipping_5"] if command == "run" else ["--cells", "*/clipping_5"]
    code, _, err = call(command, "main_language", *words, "--set", given)
    assert code == 2
    shown = given.replace("\0", r"\x00")  # nothing that moves a terminal's cursor
    assert err.startswith(f"error: --set {shown}: ")
    assert err.count("\n") == 1
    assert expected in err
    check_words(err.rstrip("\n"))


def test_of_several_overrides_the_bad_one_is_named(refused):
    sentence = refused("list", "demo", "--set", "units=8", "epochs=0", "--set", "dropout=0.5")
    assert "key 'epochs'" in sentence
