"""Settings: names and types are checked, fingerprints follow what matters."""

from __future__ import annotations

import pytest

from facebias.core.arms import ARM_FIELDS, arm_name, debiased, parse_arm
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.notebook_settings import notebook_config, parameters_cell
from facebias.core.profiles import profile


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("alhpa", 0.1, "did you mean alpha"),
        ("alpha", "1e-3", "expected float, found str"),
        ("flip", "false", "expected bool, found str"),
        ("epochs", True, "expected int, found bool"),
        ("epochs", 2.0, "expected int, found float"),
        ("epochs", 0, "outside"),
        ("alpha", float("nan"), "outside"),
        ("size", "labs", "did you mean lab"),
        ("audit_sets", "fairfaces", "did you mean fairface"),
        ("arms", "cnn,dbvae-x", "names no arm"),
    ],
)
def test_refuses_unknown_names_and_wrong_values_in_one_line(name, value, says):
    with pytest.raises(FacebiasError, match=says) as caught:
        Config.make(**{name: value})
    assert "\n" not in str(caught.value)


def test_an_integer_is_the_same_setting_as_the_equal_float():
    assert Config.make(alpha=1) == Config.make(alpha=1.0)
    assert Config.make(alpha=1).run_id == Config.make(alpha=1.0).run_id


def test_run_id_follows_training_settings_and_nothing_else():
    base = Config()
    assert base.with_(epochs=11).run_id != base.run_id
    assert base.with_(dark_share=0.5).run_id != base.run_id
    for same in ({"data_root": "elsewhere"}, {"audit_sets": "fairface"}, {"workers": 7}, {"fpr": 0.05}):
        assert base.with_(**same).run_id == base.run_id


def test_data_key_ignores_the_network_and_audit_key_the_training_data():
    base = Config()
    assert base.with_(size="paper").data_key == base.data_key
    assert base.with_(train_faces="celeba").audit_key("fairface") == base.audit_key("fairface")
    assert base.with_(audit_size=5).audit_key("fairface") != base.audit_key("fairface")


@pytest.mark.parametrize(
    "arm",
    [
        "cnn",
        "cnn-photometric",
        "vae",
        "tempered",
        "dbvae-0.01",
        "dbvae-0.001",
        "product-0.1",
        "dbvae-0.01-photometric",
        "shuffled-0.001",
        "balanced",
        "cnn-balanced",
        "jtt",
        "groupdro",
        "jtt-photometric",
        "dbvae-used-0.01",
        "dbvae-z-1e-05",
        "dbvae-1e-05-photometric",
        "vae-groupdro",
        "max5-0.01",
        "gaussian",
        "gaussian-0.05-photometric",
    ],
)
def test_an_arm_reads_back_as_its_own_name(arm):
    assert Config().for_arm(arm, seed=2).arm == arm


def test_every_arm_of_the_published_studies_has_a_name_of_its_own_in_words():
    arms = profile("evidence").arm_names
    named = [arm_name(arm) for arm in arms]
    assert len(set(named)) == len(arms) and not set(named) & set(arms)
    assert arm_name("dbvae-used-0.01-photometric") == "DB-VAE, used latents alpha 0.01, photometric"


def test_every_alpha_of_the_published_studies_has_its_shuffled_control():
    arms = profile("photographs").arm_names
    assert {f"shuffled-{arm.removeprefix('dbvae-')}" for arm in debiased(arms)} <= set(arms)


def test_arms_decide_nothing_but_the_arm_fields():
    for arm in ("cnn", "dbvae-0.1", "dbvae-used-0.1", "shuffled-0.1", "jtt", "groupdro", "vae-groupdro"):
        assert set(parse_arm(arm)) <= set(ARM_FIELDS)


def test_runs_from_before_a_setting_was_added_are_still_found():
    defaults = {"train_size": 4800, "negative_size": 7200, "batch_size": 64, "epoch_faces": 0}  # as they were then
    old = Config(train_faces="celeba", epochs=20, model="standard_cnn", **defaults)
    assert old.run_id == "cnn-s0-7b6f67d3"
    assert Config(precision="bfloat16").run_id != Config().run_id
    assert Config(jtt_weight=50.0).run_id != Config().run_id
    assert "precision" not in Config()._identifying("train")


@pytest.mark.parametrize("name", ["arms", "audit_sets"])
@pytest.mark.parametrize("text", ["", " , "])
def test_a_study_of_nothing_is_refused(name, text):
    with pytest.raises(FacebiasError, match=rf"\[CONFIG\] {name}: names none"):
        Config(**{name: text})


def test_shares_that_leave_nothing_for_training_are_refused():
    with pytest.raises(FacebiasError, match="nothing is left"):
        Config(validation_share=0.5, test_share=0.5)


CELL = "# Parameters: what people change\nprofile = 'tiny'\nepochs: int = None\n"


class TestNotebook:
    def config(self, *cells: str, **names) -> Config:
        return notebook_config({"In": ["", *cells], "Config": Config, **names})

    def test_settings_are_those_of_the_parameters_cell_and_of_the_injected_one_alone(self):
        injected = "# Parameters\nseeds = 2\nflip = False\n"
        found = self.config(CELL, injected, profile="tiny", epochs=None, seeds=2, flip=False, files=["a"], alpha=3)
        assert found == profile("tiny", seeds=2, flip=False)

    def test_a_second_run_in_one_kernel_takes_the_cells_as_they_ran_last(self):
        again = CELL.replace("None", "5")
        cells = (CELL, "config = notebook_config(globals())", "files = {}", again)
        assert self.config(*cells, profile="tiny", epochs=5, files={}).epochs == 5

    def test_a_name_that_was_misspelled_and_mended_is_forgotten(self):
        wrong = CELL + "epcohs = 3\n"
        with pytest.raises(FacebiasError, match="did you mean epochs"):
            self.config(wrong, profile="tiny", epochs=None, epcohs=3)
        assert self.config(wrong, CELL, profile="tiny", epochs=None, epcohs=3).epochs == 1

    def test_what_the_arms_decide_is_refused_and_so_is_a_notebook_without_the_cell(self):
        with pytest.raises(FacebiasError, match="decided by arms"):
            self.config(CELL + "alpha = 0.1", profile="tiny", epochs=None, alpha=0.1)
        with pytest.raises(FacebiasError, match="Run the notebook from the top"):
            self.config("epochs = 3", epochs=3)

    def test_the_cell_that_notebooks_begin_with_is_read_and_changes_nothing(self):
        names: dict[str, object] = {}
        exec(parameters_cell(), names)
        assert self.config(parameters_cell(), **names) == Config()


def test_a_profile_can_be_changed_and_an_unknown_one_is_refused():
    assert profile("photographs", epochs=2).epochs == 2
    with pytest.raises(FacebiasError, match="no profile"):
        profile("photograph")
