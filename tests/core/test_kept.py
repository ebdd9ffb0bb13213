"""What was made of the same before: known, until anything of it is otherwise."""

from __future__ import annotations

import pytest

from facebias.core import kept


@pytest.fixture
def made(tmp_path):
    kept.keep(tmp_path / "new", "nothing was made", "data", [])
    (tmp_path / "a.csv").write_text("1")
    kept.keep(tmp_path, "tables", "data", [tmp_path / "a.csv"], words="what it says")
    return tmp_path


def test_the_same_work_is_known_again(made):
    assert kept.known(made, "tables", "data", words=str)["words"] == "what it says"


def test_work_on_other_data_by_other_code_or_with_another_file_is_not_known(made, monkeypatch):
    assert kept.known(made, "tables", "other data") is None
    assert kept.known(made, "other tables", "data") is None
    with monkeypatch.context() as patch:
        patch.setattr(kept, "maker", lambda: "other code")
        assert kept.known(made, "tables", "data") is None
    (made / "a.csv").write_text("2")
    assert kept.known(made, "tables", "data") is None
    (made / "a.csv").unlink()
    assert kept.known(made, "tables", "data") is None


def test_work_without_a_key_is_done_each_time(tmp_path):
    kept.keep(tmp_path, "tables", "", [])
    assert kept.known(tmp_path, "tables", "") is None and not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [lambda text: text.replace("what it", "what is"), lambda text: text[:40]])
def test_a_record_that_was_changed_or_cut_is_as_if_it_were_not_there(made, damage):
    record = made / "kept" / "tables.json"
    assert kept.known(made, "tables", "data", words=str)
    record.write_text(damage(record.read_text()))
    assert kept.known(made, "tables", "data", words=str) is None
