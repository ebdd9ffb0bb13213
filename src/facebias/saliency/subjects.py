"""What is explained: a trained run, or a torchvision network, as a module that takes pixels in 0..1."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.manifest import sha256, verify
from facebias.core.words import IMAGE_SIZE
from facebias.detectors.inference import pick_device
from facebias.training.run import WEIGHTS_SCHEMA, Run

PREFIX = "torchvision:"
_SIDE, _MEAN, _STD = 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Subject:
    """A network to be explained.

    Attributes:
        name: run id, or "torchvision:NAME".
        model: takes (N, 3, side, side) float in 0..1 RGB; normalisation is inside, so that maps refer to pixels.
        side: of the pictures that it takes, in pixels.
        weights_sha256: of the file that its weights were read from.
        arm: name of the run's arm; the network's name for other networks.
        seed: of the run; 0 for other networks.
        run: where it is a run.
    """

    name: str
    model: nn.Module
    side: int
    weights_sha256: str
    arm: str
    seed: int = 0
    run: Run | None = None

    @property
    def record(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {"name": self.name, "weights_sha256": self.weights_sha256, "side": self.side}


class Normalised(nn.Module):
    """A network behind its normalisation: (pixels - mean) / std, channel by channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) in 0..1 to what the network answers."""
        return self.model((pixels - self.mean) / self.std)


def find_subject(name: str, config: Config, weights: Path | None = None) -> Subject:
    """The network of that name, in evaluation mode.

    Args:
        name: a run (folder, id, or beginning of an id), or "torchvision:NAME".
        config: where runs lie, and the device.
        weights: a state_dict for a torchvision network; without it torchvision's own trained weights are taken, from
            its cache or from the network.

    Raises:
        FacebiasError: no such run or network, or weights that cannot be read or do not fit.
    """
    if name.startswith(PREFIX):
        return _torchvision(name, weights, config.device)
    if weights is not None:
        raise FacebiasError(
            "CONFIG",
            "weights",
            f"given for the run {name!r}, which has its own",
            f"Leave it out, or name a network as {PREFIX}resnet18",
        )
    run = Run.find(name, config)
    model = run.model(config.device)
    found = verify(run.path / "weights.pt", WEIGHTS_SCHEMA)["sha256"]
    return Subject(run.id, model, IMAGE_SIZE, found, run.config.arm, run.config.seed, run)


def _torchvision(name: str, weights: Path | None, device: str) -> Subject:
    import torchvision  # here: it loads slowly, and runs of ours do not need it

    kind = name.removeprefix(PREFIX)
    if kind not in (known := torchvision.models.list_models(module=torchvision.models)):
        raise FacebiasError(
            "MODEL", "model", f"torchvision has no classifier {kind!r}", f"Use one of {', '.join(known)}"
        )
    trained = torchvision.models.get_model_weights(kind).DEFAULT
    state, digest = _downloaded(name, trained) if weights is None else (read_weights(weights), sha256(weights))
    # Either would otherwise spend seconds on initial weights that are overwritten, and warn of it
    extra = {"init_weights": False} if kind in ("googlenet", "inception_v3") else {}
    with torch.random.fork_rng(devices=[]):
        model = torchvision.models.get_model(kind, weights=None, **extra)
    fit_weights(model, state, str(weights or name))
    recipe = trained.transforms()
    whole = Normalised(model, tuple(getattr(recipe, "mean", _MEAN)), tuple(getattr(recipe, "std", _STD)))
    side = getattr(recipe, "crop_size", [_SIDE])[0]
    return Subject(name, whole.to(pick_device(device)).eval(), side, digest, kind)


def _downloaded(name: str, trained: Any) -> tuple[dict[str, Tensor], str]:
    try:
        state = trained.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise FacebiasError(
            "WEIGHTS", name, f"torchvision's weights cannot be had ({error})", "Give a file of weights with --weights"
        ) from error
    return state, sha256(Path(torch.hub.get_dir()) / "checkpoints" / Path(trained.url).name)


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state_dict from a file; nothing but tensors is ever unpickled.

    Raises:
        FacebiasError: missing, not a file of weights, or one that would run code.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError as error:
        raise FacebiasError("MISSING", path, "no such file", "Name a file of weights") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        first = str(error).strip().split("\n")[0][:120]
        raise FacebiasError(
            "WEIGHTS", path, f"not a file of tensors alone ({first})", "Save a state_dict with torch.save"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise FacebiasError(
            "WEIGHTS",
            path,
            f"found a {type(state).__name__}, expected names and tensors",
            "Save model.state_dict(), not the model or a checkpoint around it",
        )
    return state


def fit_weights(model: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Load a state_dict whole.

    Raises:
        FacebiasError: names or shapes differ; the first difference is named.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).split("\n")]
        raise FacebiasError(
            "WEIGHTS",
            where,
            f"does not fit the network: {lines[min(1, len(lines) - 1)][:160]}",
            "Use weights of this very network",
        ) from error
