"""Figures on disk: their footer, their bytes, their words."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from drawn import fits, texts
from facebias import audit, plots
from facebias.core.csv import read_csv
from facebias.core.numbers import percent
from facebias.core.outputs import OutputFolder, recorded
from facebias.plots.style import SYNTHETIC


def test_footer_says_synthetic_and_where_the_numbers_come_from(summary, tmp_path):
    figure = plots.source_recall(summary)
    height = figure.get_size_inches()[1]
    note = plots.provenance(summary[summary["grouping"] == "all faces"], "trained on CelebA")
    for _ in range(2):  # marking twice changes nothing
        plots.save(figure, summary, tmp_path / "a.png", synthetic=True, provenance=note)
    assert texts(figure).count(SYNTHETIC) == 1
    assert "trained on CelebA" in note
    assert "seeds an arm: 2" in note
    assert "FPR 1 %" in note
    assert height < figure.get_size_inches()[1] < height + 1
    plots.save(figure, summary, tmp_path / "a.png", synthetic=False, provenance=note)
    assert SYNTHETIC not in texts(figure)


def test_saving_writes_the_same_bytes_each_time_and_the_table_beside(summary, tmp_path):
    for name in ("a", "b"):
        plots.save(
            plots.group_recall(summary, "fairface"),
            summary,
            tmp_path / f"{name}.png",
            synthetic=True,
            provenance="n = 1",
        )
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert len(read_csv(tmp_path / "a.csv", numbers=("n", "value"))) == len(summary)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.png", "b.csv", "b.png"]
    with Image.open(tmp_path / "a.png") as picture:
        assert round(picture.info["dpi"][0]) == 150
        assert not {"Software", "Creation Time"} & set(picture.info)


def test_hostile_names_are_text_and_nothing_is_clipped(scored, tmp_path):
    hostile = scored.assign(race=scored["race"].replace("Black", r"$\frac{=x}{<b>}^"))
    rows = audit.summarise(hostile)
    for figure in (
        plots.group_recall(rows, "fairface"),
        plots.group_heatmap(rows, "fairface"),
        plots.paired_slope(rows, "fairface", "cnn", "dbvae-0.01", "race"),
        plots.source_recall(rows),
    ):
        plots.save(figure, rows, tmp_path / "x.png", synthetic=True, provenance="a long footer " * 20)
        assert fits(figure)


@pytest.mark.parametrize("name", ["recall-mine (1)", "a/../b", "x" * 300, "\x1b[31m"])
def test_a_figure_of_any_name_is_recorded_with_its_table(name, summary, tmp_path):
    folder = plots.FigureFolder(OutputFolder(tmp_path, "x"), synthetic=True)
    shown = folder.save(plots.source_recall(summary), summary, name)
    assert [path.suffix for path in shown.files] == [".png", ".csv"] and set(shown.files) == set(recorded(tmp_path))


def test_a_figure_says_in_words_what_is_seen(summary, tmp_path):
    table = summary[summary["dataset"] == "fairface"]
    folder = plots.FigureFolder(OutputFolder(tmp_path, "x"), synthetic=True)
    shown = folder.save(plots.group_recall(table, "fairface"), table, "a")
    words = shown.words
    assert words.startswith("Recall by race x gender on FairFace, FPR 1 %. Along the horizontal axis: recall, %")
    assert "Shown: CNN; DB-VAE alpha 0.01; VAE, uniform sampling." in words and "\n" not in words
    large = table[(table["metric"] == "TPR") & (table["model"] == "cnn") & (table["n"] >= 30)]
    low = large.loc[large[large["group"] != "all faces"]["value"].idxmin()]
    assert f"CNN: from {percent(low['value'])} % ({low['group']})" in words
    picture, about = shown._repr_mimebundle_()
    assert about == {"image/png": {"alt": words}} and picture["text/plain"] == "<a.png>"
    with Image.open(io.BytesIO(base64.b64decode(picture["image/png"]))) as opened:
        assert opened.width == pytest.approx(96 * shown.figure.get_size_inches()[0], abs=1)
    assert plots.show(plots.source_recall(summary), synthetic=True).words.startswith("Recall on the training source")
