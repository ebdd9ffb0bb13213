"""What TensorBoard and MLflow are told of a training is what its own history says, through interruption too."""

from __future__ import annotations

import sys

import pytest

from facebias.core.errors import FacebiasError
from facebias.training.fit import fit
from facebias.training.run import Run
from trainings import quiet, same, stop_after, weights

MEASURED = ("loss", "validation_recall", "ess_share")


def test_by_default_nobody_is_told_and_weights_do_not_depend_on_it(config, tmp_path):
    pytest.importorskip("tensorboard", reason="needs TensorBoard: pip install tensorboard")
    one, other = config.with_(runs_dir=str(tmp_path / "one")), config.with_(runs_dir=str(tmp_path / "two"))
    plain, told = fit(one, quiet), fit(other.with_(logger="tensorboard"), quiet)
    assert plain.id == told.id and same(weights(plain), weights(told))
    assert {path.name for path in told.path.iterdir()} - {path.name for path in plain.path.iterdir()} == {"tensorboard"}


@pytest.mark.parametrize("interrupted", [False, True])
def test_tensorboard_has_the_history_the_settings_and_the_last_row(config, interrupted):
    pytest.importorskip("tensorboard", reason="needs TensorBoard: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = config.with_(logger="tensorboard")
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            fit(config, stop_after(2))
    run = fit(config, quiet)
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    for name in MEASURED:
        told = {event.step: event.value for event in events.Scalars(name)}
        assert told == pytest.approx(dict(zip(run.history["epoch"], run.history[name], strict=True)), rel=1e-6)
    assert events.Scalars("last/loss")[-1].value == pytest.approx(run.history["loss"].iloc[-1])
    assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams")


@pytest.mark.parametrize("interrupted", [False, True])
def test_mlflow_has_one_run_with_the_history_and_the_settings(config, interrupted, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs MLflow: pip install mlflow-skinny")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    config = config.with_(logger="mlflow")
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            fit(config, stop_after(2))
    run = fit(config, quiet)
    client = mlflow.MlflowClient((run.path / "mlruns").as_uri())
    (found,) = client.search_runs([client.get_experiment_by_name("facebias").experiment_id])
    for name in MEASURED:
        told = {metric.step: metric.value for metric in client.get_metric_history(found.info.run_id, name)}
        assert told == pytest.approx(dict(zip(run.history["epoch"], run.history[name], strict=True)))
    assert found.info.run_name == run.id and found.info.status == "FINISHED"
    assert found.data.params["alpha"] == str(config.alpha) and found.data.params["arm"] == config.arm


@pytest.mark.parametrize(
    ("logger", "module", "package"),
    [("tensorboard", "torch.utils.tensorboard", "tensorboard"), ("mlflow", "mlflow", "mlflow-skinny")],
)
def test_a_package_that_is_not_there_is_one_line_before_anything_is_trained(
    config, logger, module, package, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FacebiasError, match=rf"^\[LOGGER] .*not installed.*pip install {package},"):
        fit(config.with_(logger=logger), quiet)
    assert not list(Run.of(config).path.glob("checkpoint-*"))
