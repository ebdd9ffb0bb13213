"""Detectors that are not ours beside runs that are, through the same audit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brought_detectors import exported, one_line, rows, table
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.manifest import manifest_path
from facebias.core.profiles import profile
from facebias.core.records import write_record
from facebias.detectors import find_detector
from facebias.report.audit_figures import figures_of_detectors
from facebias.training.fit import fit
from facebias.training.gather import gather
from facebias.training.score import score, score_detector
from made import own_folder


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Config:
    home = tmp_path_factory.mktemp("detectors")
    return profile("tiny", **{f"{kind}_dir": str(home / kind) for kind in ("runs", "data", "studies")})


@pytest.fixture(scope="module")
def run(small):
    found = fit(small.for_arm("cnn", 1))
    score(found, small)
    return found


class TestAudited:
    def test_a_detector_alone_is_scored_on_the_packed_sets(self, small):
        found = gather(small, detectors=["brought_detectors:brightness"])
        assert (found.baseline, found.brought, found.source) == ("brightness", ("brightness",), "synthetic")
        assert found.synthetic and set(found.predictions["dataset"]) == {"validation", "test", "synthetic"}

    def test_beside_a_run_it_takes_the_runs_images_and_seed(self, small, run):
        found = gather(small, [run.id], ["brought_detectors:brightness"])
        assert found.baseline == "cnn" and set(found.predictions["seed"]) == {1}
        images = found.predictions.groupby("model")["image_id"].agg(list)
        assert images["cnn"] == images["brightness"]

    def test_a_detector_is_scored_on_what_the_run_was_scored_on_last(self, small, run):
        other = small.with_(audit_size=48)
        score(run, other)
        for config in (small, other):
            found = gather(config, [run.id], ["brought_detectors:brightness"])
            assert found.predictions.query("model == 'brightness' and dataset == 'synthetic'").shape[0] == 48
        score(run, small)

    def test_a_run_that_does_not_say_what_it_was_scored_on_is_tried_with_the_sets_of_the_command_line(self, small, run):
        other = small.with_(audit_size=48)
        score(run, other)
        manifest = manifest_path(run.path / "predictions.parquet")
        write_record(manifest, {name: value for name, value in read_json(manifest).items() if name != "scored_on"})
        found = gather(other, [run.id], ["brought_detectors:brightness"])
        assert found.predictions.query("model == 'brightness' and dataset == 'synthetic'").shape[0] == 48
        with pytest.raises(FacebiasError, match="not scored on the images that its settings name"):
            gather(small, [run.id], ["brought_detectors:brightness"])
        score(run, small)

    def test_a_network_of_ours_brought_as_a_program_is_audited_alike(self, small, run, tmp_path):
        found = gather(small, [run.id], [exported(run.model("cpu"), tmp_path / "net.pt2")])
        both = found.predictions.pivot(index=["dataset", "image_id"], columns="model", values="score")
        assert np.allclose(both["cnn"], both["net"], atol=1e-5)
        figures = figures_of_detectors(found, 0.05, tmp_path / "audit")
        figures.trade_off()
        figures.write()
        summary = pd.read_csv(tmp_path / "audit" / "summary.csv").set_index("model")
        assert np.array_equal(summary.loc["cnn", "value"], summary.loc["net", "value"], equal_nan=True)
        assert set(pd.read_csv(next((tmp_path / "audit").glob("trade-off-*.csv")))["model"]) == {"cnn", "net"}

    def test_a_table_alone_needs_no_images_and_has_no_training_source(self, small, tmp_path):
        found = gather(small, table=table(tmp_path, rows()), names=["named"])
        assert (found.baseline, found.source, found.synthetic) == ("named", "", False)
        verdict = figures_of_detectors(found, 0.05, tmp_path).audit.verdict
        assert "On theirs, by race" in verdict.headline

    def test_a_table_without_measured_skin_tone_is_drawn_but_for_the_figure_of_it(self, small, tmp_path):
        found = gather(small, table=table(tmp_path, rows()))
        figures_of_detectors(found, 0.05, tmp_path / "audit").all()
        names = {path.name for path in (tmp_path / "audit").glob("*.png")}
        assert {"group-recall-theirs-race.png", "trade-off-theirs-race.png"} <= names
        assert not any("ita" in name for name in names)

    def test_what_was_brought_is_written_and_can_be_audited_again(self, small, tmp_path):
        found = gather(small, detectors=["brought_detectors:brightness"])
        found.write(found.outputs(tmp_path))
        again = gather(small, table=tmp_path / "predictions-brightness.parquet", names=["brightness"])
        first = score_detector(find_detector("brought_detectors:brightness"), small)
        assert again.predictions["score"].equals(first["score"])

    def test_groups_of_somebodys_own_come_back_with_them(self, small, tmp_path):
        mine = own_folder(tmp_path / "pictures")
        found = gather(small.with_(audit_sets=f"folder:mine={mine}"), detectors=["brought_detectors:brightness"])
        found.write(found.outputs(tmp_path))
        written = tmp_path / "predictions-brightness.parquet"
        assert set(gather(small, table=written).predictions["hat"]) == {"", "yes", "no"}
        stranger = pd.read_parquet(written).drop(columns=["run_id", "model", "seed"])
        stranger.to_parquet(tmp_path / "other.parquet")
        with pytest.raises(FacebiasError, match="column hat has no meaning here"):
            gather(small, table=tmp_path / "other.parquet")

    def test_ties_and_probabilities_are_told(self, small, tmp_path):
        tied = rows().assign(score=lambda t: t["label"].astype(float))
        tied.loc[tied["label"] == 0, "score"] = (np.arange(400) % 4 == 0).astype(float)
        found = gather(small, table=table(tmp_path, tied))
        ties, inside = found.cautions(0.05)
        assert "theirs: scores tie. At FPR 5 % its threshold lets 0 of 2" in ties and "all scores lie in 0..1" in inside
        assert len(found.cautions(0.05, probability=True)) == 1

    @pytest.mark.parametrize(
        ("scores", "says"),
        [
            (lambda t: t["label"] * 0.0 + 3, "theirs: all scores are 3: it tells no image from another."),
            (
                lambda t: -2.0 - t["label"] - np.arange(len(t)) / 1e6,
                "theirs: faces score lower than non-faces (AUC 0.00)",
            ),
            (lambda t: 2.0 + t["label"] + np.arange(len(t)) / 1e6, ""),
        ],
    )
    def test_constant_scores_and_a_direction_that_is_turned_round_are_told_and_no_ties_where_there_are_none(
        self, small, tmp_path, scores, says
    ):
        given = rows()
        found = gather(small, table=table(tmp_path, given.assign(score=scores(given)))).cautions(0.05)
        assert any(says in line for line in found) if says else found == []

    def test_groups_that_differ_by_case_are_one(self, small, tmp_path):
        given = rows()
        odd = given["race"].where(given.index % 5 > 0, given["race"].str.upper() + " ")
        with pytest.warns(UserWarning, match="race: .* is taken for"):
            found = gather(small, table=table(tmp_path, given.assign(race=odd))).predictions
        assert set(found["race"]) == set(given["race"])

    def test_nothing_names_without_models_and_two_of_one_name_are_one_line_each(self, small, run):
        twice = ["brought_detectors:brightness"] * 2
        for given, says in (
            ({}, "nothing to audit"),
            ({"detectors": twice}, "two models of this name"),
            ({"detectors": twice[:1], "names": ["a", "b"]}, "2 names for 1 detectors"),
            ({"runs": [run.id], "detectors": twice[:1], "names": ["cnn"]}, "two models of this name"),
        ):
            with pytest.raises(FacebiasError, match=says) as error:
                gather(small, **given)
            assert one_line(error)
        assert gather(small, detectors=twice, names=["one", "two"]).brought == ("one", "two")
