"""The store: what is committed stays, what is damaged is named, two runs never share a folder."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Truth, Verdict
from hoodwink.fuzz.store import Store, digest, write_atomically

CONFIG = {"identity": {"judge": "j", "seed": 0}, "versions": {}}
VERDICT = Verdict(0.25, -1.0986, False, True, "said no")


def test_verdicts_come_back_as_they_were(tmp_path, problems):
    with Store.create(tmp_path / "run", CONFIG) as store:
        store.add_verdicts("j", 3, [("p", "text\x00 \U0001f600", 0)], [VERDICT], 0.5)
    with Store.create(tmp_path / "run", CONFIG) as store:
        stored = store.find_verdict("j", ("p", "text\x00 \U0001f600", 0))
        assert stored is not None
        assert (stored.step, stored.verdict) == (3, VERDICT)
        assert store.find_verdict("j", ("p", "text", 0)) is None
        assert store.find_verdict("j", ("p", "text\x00 \U0001f600", 1)) is None
        assert store.find_verdict("other", ("p", "text\x00 \U0001f600", 0)) is None


def test_a_rewind_keeps_verdicts_and_nothing_else(tmp_path, problems):
    with Store.create(tmp_path, CONFIG) as store:
        store.rewind(problems)
        store.add_verdicts("j", 1, [("p", "t", 0)], [VERDICT], 0.1)
        store.add_cell(1, "random", "p", 0, "search")
        store.add_trials([(1, 1, 1, "fresh", None, Truth.WRONG)])
        store.set_find(1, 1, "accepted", 1, {})
        store.put("complete", True)
        store.rewind(problems[:2])
        counts = {t: store.db.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0] for t in ("cells", "trials", "finds")}
        assert counts == {"cells": 0, "trials": 0, "finds": 0}
        assert store.get("complete") is None
        assert store.find_verdict("j", ("p", "t", 0)) is not None
        assert store.problems() == problems[:2]


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    def fail_inside(store):
        with store.transaction():
            store.put("key", 1)
            raise RuntimeError

    with Store.create(tmp_path, CONFIG) as store:
        with pytest.raises(RuntimeError):
            fail_inside(store)
        assert store.get("key") is None


def test_lineage_follows_parents_and_survives_a_loop(tmp_path):
    with Store.create(tmp_path, CONFIG) as store:
        store.add_verdicts("j", 1, [("p", t, 0) for t in "abc"], [VERDICT] * 3, 0.1)
        rows = {t: store.find_verdict("j", ("p", t, 0)).row for t in "abc"}
        store.add_trials(
            [
                (1, 1, rows["a"], "fresh", "not a trial", Truth.WRONG),
                (1, 2, rows["b"], "change", "a", Truth.WRONG),
                (1, 3, rows["c"], "swap", "b", Truth.WRONG),
                (2, 1, rows["a"], "loop", "b", Truth.WRONG),
                (2, 2, rows["b"], "loop", "a", Truth.WRONG),
            ]
        )
        assert store.lineage(1, "c") == [("fresh", "a"), ("change", "b"), ("swap", "c")]
        assert store.lineage(2, "b") == [("loop", "a"), ("loop", "b")]
        assert store.lineage(3, "c") == []


def test_another_run_in_the_folder_is_refused_with_what_differs(tmp_path):
    Store.create(tmp_path, CONFIG).close()
    other = {"identity": {"judge": "j", "seed": 1}, "versions": {}}
    with pytest.raises(UsageError, match=r"holds another run \(seed 0 there, 1 now\)"):
        Store.create(tmp_path, other)


def test_a_folder_in_use_is_refused(tmp_path):
    with Store.create(tmp_path, CONFIG):
        code = (
            "import json, sys, pathlib; from hoodwink.fuzz.store import Store\n"
            "try: Store.create(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]))\n"
            "except Exception as error: print(type(error).__name__, error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path, json.dumps(CONFIG)], capture_output=True, text=True
        )
    assert done.stdout.startswith("UsageError")
    assert "in use by another hoodwink" in done.stdout


def test_a_run_can_be_read_while_it_is_written(tmp_path):
    with Store.create(tmp_path, CONFIG) as store:
        store.put("key", [1, 2])
        with Store.load(tmp_path) as reader:
            assert reader.get("key") == [1, 2]
            assert reader.config == CONFIG


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("run.db", b"this is not a database, whatever its name says", "damaged: run.db"),
        ("run.db", None, "no run in"),
        ("config.json", None, "no run in"),
        ("config.json", b'{"identity": ', "damaged: config.json"),
        ("config.json", b"[]", "damaged: config.json"),
        ("config.json", b"\xff\xfe", "damaged: config.json"),
    ],
)
def test_damage_is_named_in_one_line(tmp_path, file, content, message):
    Store.create(tmp_path, CONFIG).close()
    (tmp_path / "run.db-wal").unlink(missing_ok=True)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        Store.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_database_is_not_written_to(tmp_path):
    Store.create(tmp_path, CONFIG).close()
    (tmp_path / "run.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(UsageError, match=r"damaged: run\.db"):
        Store.create(tmp_path, CONFIG)
    assert (tmp_path / "run.db").read_bytes() == b"garbage" * 1000


def test_a_store_of_another_version_is_refused(tmp_path):
    with Store.create(tmp_path, CONFIG) as store:
        store.put("schema", 99)
    with pytest.raises(UsageError, match="store schema 99"):
        Store.create(tmp_path, CONFIG)


def test_a_folder_below_a_file_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write to .*choose another folder"):
        Store.create(tmp_path / "file" / "run", CONFIG)


def test_write_atomically_replaces_and_leaves_no_part(tmp_path):
    target = tmp_path / "file"
    write_atomically(target, "one")
    write_atomically(target, "two")
    assert target.read_text() == "two"
    assert list(tmp_path.iterdir()) == [target]


def test_digests_differ():
    assert len({digest(t) for t in ("", "a", "b", "a ", "A")}) == 5
