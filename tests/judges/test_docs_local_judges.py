"""The judges that docs/local-judges.md names are ones that can be named, and those of SmolLM2 open."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from hoodwink.corpora.names import convert_options, lookup
from hoodwink.judges.hub import from_hub as hf
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import JUDGES, open_judge
from hoodwink.judges.reward import from_hub as reward

TEXT = (Path(__file__).parents[2] / "docs" / "local-judges.md").read_text("utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", TEXT, re.S | re.M)
NAMED = sorted({name for block in BLOCKS for name in re.findall(r"--judge (\S+)", block)})


def test_the_names_are_found():
    assert len(NAMED) >= 13
    assert {name.partition(":")[0] for name in NAMED} == {"hf", "reward", "smollm2"}


@pytest.mark.parametrize("name", NAMED)
def test_their_options_exist(name):
    kind, *parts = name.split(":")
    options = dict(part.split("=", 1) for part in parts if re.fullmatch(r"\w+=.*", part))
    convert_options(lookup(JUDGES, kind, "judge"), options, kind)


@pytest.mark.parametrize("name", [name for name in NAMED if name.startswith("smollm2") and "adapter" not in name])
def test_judges_by_smollm2_open(name, as_smollm2, items, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text, file in re.findall(r"^echo '(.*)' > (\S+)$", TEXT, re.M):
        (tmp_path / file).write_text(text)
    judge = open_judge(name, device="cpu", dtype="fp32")
    assert judge.name == name
    assert all(verdict.parsed for verdict in ask(judge, items[:2]))


def test_the_table_of_options_is_complete():
    """What says which weights are read, for both kinds."""
    told = {re.match(r"\| `(\w+)=", line)[1]: line.split("|")[2] for line in TEXT.splitlines() if "| `hf:`" in line}
    for factory, kind in ((hf, "`hf:`"), (reward, "`reward:`")):
        options = {"adapter", "revision", "gguf", "trust_remote_code"} & set(inspect.signature(factory).parameters)
        assert options == {option for option, kinds in told.items() if kind in kinds}
