"""The store: what is committed stays, what is damaged is named, two runs never share a folder."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Truth, Verdict
from hoodwink.fuzz.store import SCHEMA_VERSION, Entry, Store, digest, verdict_key, write_atomically

CONFIG = {"identity": {"judge": "j", "seed": 0}, "versions": {}}
VERDICT = Verdict(0.25, -1.0986, False, True, "said no")


def entry(problem, response, repeat=0, judge="j"):
    return Entry(verdict_key(judge, problem, repeat, response), problem, response, repeat)


def known(store, *args, **kwargs):
    key = entry(*args, **kwargs).key
    return store.find_verdicts([key]).get(key)


def test_verdicts_come_back_as_they_were(tmp_path, problems):
    with Store.create(tmp_path / "run", CONFIG) as store:
        added = store.add_verdicts("j", 3, [entry("p", "text\x00 \U0001f600")], [VERDICT], 0.5)
    with Store.create(tmp_path / "run", CONFIG) as store:
        stored = known(store, "p", "text\x00 \U0001f600")
        assert [stored] == added
        assert (stored.step, stored.verdict) == (3, VERDICT)
        assert known(store, "p", "text") is None
        assert known(store, "p", "text\x00 \U0001f600", 1) is None
        assert known(store, "q", "text\x00 \U0001f600") is None
        assert known(store, "p", "text\x00 \U0001f600", judge="other") is None


def test_many_verdicts_are_found_in_one_call_and_rows_go_on_after_reopening(tmp_path):
    entries = [entry("p", f"text {i}", i % 2) for i in range(1500)]
    verdicts = [Verdict(i / 1500, i - 700.5, i % 3 == 0, True, "") for i in range(1500)]
    with Store.create(tmp_path, CONFIG) as store:
        store.add_verdicts("j", 1, entries[:700], verdicts[:700], 0.1)
    with Store.create(tmp_path, CONFIG) as store:
        store.add_verdicts("j", 2, entries[700:], verdicts[700:], 0.1)
        absent = [entry("p", f"other {i}").key for i in range(100)]
        found = store.find_verdicts([*absent, *(e.key for e in entries)])
        assert [found[e.key].verdict for e in entries] == verdicts
        assert [found[e.key].row for e in entries] == list(range(1, 1501))
        assert [found[e.key].step for e in entries] == [1] * 700 + [2] * 800
        assert found.keys().isdisjoint(absent)
        assert store.find_verdicts([]) == {}


def test_keys_that_share_a_place_in_the_index_are_told_apart(tmp_path):
    first, second = (bytes([1] * 12 + [last] * 12) for last in (2, 3))
    with Store.create(tmp_path, CONFIG) as store:
        store.add_verdicts("j", 1, [Entry(first, "p", "a", 0)], [VERDICT], 0.1)
        assert store.find_verdicts([second]) == {}
        store.add_verdicts("j", 1, [Entry(second, "p", "b", 0)], [Verdict(0.75, 1.0, True)], 0.1)
        assert store.find_verdicts([second])[second].verdict == Verdict(0.75, 1.0, True)
        assert store.find_verdicts([first]).keys() == {first}


def test_a_rewind_keeps_verdicts_and_nothing_else(tmp_path, problems):
    with Store.create(tmp_path, CONFIG) as store:
        store.rewind(problems)
        store.add_verdicts("j", 1, [entry("p", "t")], [VERDICT], 0.1)
        store.add_cell(1, "random", "p", 0, "search")
        store.add_trials([(1, 1, 1, "fresh", None, Truth.WRONG)])
        store.flush()
        store.add_trials([(1, 2, 1, "fresh", None, Truth.WRONG)])
        store.set_find(1, 1, "accepted", 1, {})
        store.put("complete", True)
        store.rewind(problems[:2])
        store.flush()
        counts = {t: store.db.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0] for t in ("cells", "trials", "finds")}
        assert counts == {"cells": 0, "trials": 0, "finds": 0}
        assert store.get("complete") is None
        assert known(store, "p", "t") is not None
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
        added = store.add_verdicts("j", 1, [entry("p", t) for t in "abc"], [VERDICT] * 3, 0.1)
        rows = {t: stored.row for t, stored in zip("abc", added, strict=True)}
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


def test_outcomes_and_steps_come_back_as_they_were(tmp_path):
    verdict = Verdict(0.25, -1.0986, False, True, "no", "inconsistent", (0.5, 0.25))
    with Store.create(tmp_path, CONFIG) as store:
        store.add_verdicts("j", 1, [entry("p", "text")], [verdict], 0.5)
        assert known(store, "p", "text").verdict == verdict


def test_a_store_without_outcomes_is_read_and_goes_on(tmp_path):
    with Store.create(tmp_path, CONFIG) as store:
        store.add_verdicts("j", 1, [entry("p", "text")], [VERDICT], 0.5)
        store.put("schema", 3)
        for column in ("outcome", "steps"):
            store.db.execute(f"ALTER TABLE verdicts DROP COLUMN {column}")
    with Store.load(tmp_path) as store:
        assert store.get("schema") == 3
        assert known(store, "p", "text").verdict == VERDICT
    with Store.create(tmp_path, CONFIG) as store:
        assert store.get("schema") == SCHEMA_VERSION
        assert known(store, "p", "text").verdict == VERDICT


def test_an_older_store_gets_both_columns_or_none(tmp_path, monkeypatch):
    """A crash while it does must leave a store that can be opened."""
    with Store.create(tmp_path, CONFIG) as store:
        store.put("schema", 3)
        for column in ("outcome", "steps"):
            store.db.execute(f"ALTER TABLE verdicts DROP COLUMN {column}")
    with monkeypatch.context() as broken:
        broken.setattr(Store, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Store.create(tmp_path, CONFIG)
    with Store.create(tmp_path, CONFIG) as store:
        assert store.get("schema") == SCHEMA_VERSION
        store.add_verdicts("j", 1, [entry("p", "text")], [VERDICT], 0.5)


def interrupted(*_):
    raise KeyboardInterrupt


def test_a_store_of_the_first_version_is_refused_by_its_version(tmp_path):
    """Its tables have other columns; the message is about the version, not about damage."""
    Store.create(tmp_path, CONFIG).close()
    with sqlite3.connect(tmp_path / "run.db") as db:
        db.executescript(
            "DROP TABLE verdicts; UPDATE meta SET value = '1' WHERE key = 'schema';"
            "CREATE TABLE verdicts (id INTEGER PRIMARY KEY, judge TEXT, digest BLOB)"
        )
    for opened in (Store.load, lambda folder: Store.create(folder, CONFIG)):
        with pytest.raises(UsageError, match=f"has store schema 1, this is {SCHEMA_VERSION}"):
            opened(tmp_path)


def test_trials_that_wait_are_written_when_the_store_is_closed(tmp_path):
    rows = [(2 - i % 2, i, i, "op", None, Truth.WRONG) for i in range(1, 100)]
    with Store.create(tmp_path, CONFIG) as store:
        store.add_trials(rows)
    with Store.load(tmp_path) as store:
        assert store.db.execute("SELECT cell, query FROM trials ORDER BY query").fetchall() == [r[:2] for r in rows]


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


def test_a_run_of_an_older_version_goes_on_where_a_newer_setting_is_not_asked_for(tmp_path):
    Store.create(tmp_path / "run", CONFIG).close()
    newer = {"judge": "j", "seed": 0, "acceptance": None, "calibration": ""}
    Store.create(tmp_path / "run", {"identity": newer, "versions": {}}).close()
    with pytest.raises(UsageError, match=r"holds another run \(acceptance None there, 0\.95 now\)"):
        Store.create(tmp_path / "run", {"identity": {**newer, "acceptance": 0.95}, "versions": {}})
