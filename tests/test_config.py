"""Settings: names and types are checked, fingerprints follow what matters."""

from __future__ import annotations

import pytest

from facebias.core.arms import ARM_FIELDS, parse_arm
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
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
    ],
)
def test_an_arm_reads_back_as_its_own_name(arm):
    assert Config().for_arm(arm, seed=2).arm == arm


def test_arms_decide_nothing_but_the_arm_fields():
    for arm in ("cnn", "dbvae-0.1", "shuffled-0.1", "jtt", "groupdro"):
        assert set(parse_arm(arm)) <= set(ARM_FIELDS)


def test_runs_from_before_a_setting_was_added_are_still_found():
    assert Config().with_(train_faces="celeba", epochs=20, model="standard_cnn").run_id == "cnn-s0-7b6f67d3"
    assert Config(precision="bfloat16").run_id != Config().run_id
    assert Config(jtt_weight=50.0).run_id != Config().run_id
    assert "precision" not in Config()._identifying("train")


def test_shares_that_leave_nothing_for_training_are_refused():
    with pytest.raises(FacebiasError, match="nothing is left"):
        Config(validation_share=0.5, test_share=0.5)


def test_a_notebook_namespace_is_read_and_its_typos_are_refused():
    namespace = {"In": [], "Out": {}, "_oh": {}, "Config": Config, "epochs": 3, "flip": False}
    assert Config.from_notebook(namespace) == Config(epochs=3, flip=False)
    with pytest.raises(FacebiasError, match="did you mean epochs"):
        Config.from_notebook({**namespace, "epoch": 3})
    with pytest.raises(FacebiasError, match="decided by arms"):
        Config.from_notebook({**namespace, "alpha": 0.1})


def test_a_profile_can_be_changed_and_an_unknown_one_is_refused():
    assert profile("photographs", epochs=2).epochs == 2
    with pytest.raises(FacebiasError, match="no profile"):
        profile("photograph")
