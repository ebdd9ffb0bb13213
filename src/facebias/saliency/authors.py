"""The names under which the authors' code (github.com/idiap/fullgrad-saliency) is called, in both its generations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor, nn

from facebias.core.errors import FacebiasError

if TYPE_CHECKING:
    from facebias.saliency.fullgrad.decomposition import Decomposition
    from facebias.saliency.targets import Target


class AuthorsNames:
    """Calls of the authors' code for `FullGrad` and its variants."""

    model: Any

    def decompose(self, images: Tensor, target: Target = None, keep_maps: bool = False) -> Decomposition:
        """See `FullGrad.decompose`."""
        raise NotImplementedError

    def check_completeness(self, images: Tensor | None = None, target: Target = None) -> Tensor:
        """See `FullGrad.check_completeness`."""
        raise NotImplementedError

    def checkCompleteness(self) -> Tensor:
        """Relative error (1,) on a random image; raises CompletenessError, where the authors' code asserts."""
        return self.check_completeness()

    def fullGradientDecompose(self, image: Tensor, target_class: Target = None) -> tuple[Tensor, list[Tensor]]:
        """Input gradient (N, C, H, W), and df/dv * r of each operation in full, in order of execution."""
        result = self.decompose(image, target_class, keep_maps=True)
        return result.input_gradient, list(result.maps.values())

    def _forward(self, images: Tensor) -> Any:
        # Early models define getFeatures, which returns (output, features), and sometimes no forward at all.
        if getattr(getattr(self.model, "forward", None), "__func__", None) is not nn.Module.forward:
            return self.model(images)
        with_features = getattr(self.model, "getFeatures", None)
        if with_features is None:
            raise FacebiasError(
                "SALIENCY_MODEL",
                type(self.model).__name__,
                "it has neither forward nor getFeatures",
                "Give a model that can be called with images",
            )
        return with_features(images)[0]


class _ByName:
    """A method of `facebias.saliency.METHODS` under the authors' class and call."""

    _name: ClassVar[str]

    def __init__(self, model: nn.Module, **settings: Any) -> None:
        self.model, self.settings = model, settings

    def saliency(self, image: Tensor, target_class: Target = None) -> Tensor:
        """Maps (N, 1, H, W), not negative, detached."""
        from facebias.saliency.methods import method  # it imports FullGrad, which takes its calls from here

        return method(self._name, self.model, **self.settings)(image, target_class)


class GradCAM(_ByName):
    """Grad-CAM at the last feature map with a spatial extent; the authors take the last convolution before a linear."""

    _name = "gradcam"


class InputGradient(_ByName):
    """The absolute gradient, summed over colours.

    Args:
        model: as for `FullGrad`.
        loss: explain the log-probability in place of the logit.
    """

    _name = "input_gradient"

    def __init__(self, model: nn.Module, loss: bool = False) -> None:
        super().__init__(model)
        self.loss = loss

    def saliency(self, image: Tensor, target_class: Target = None) -> Tensor:
        """Maps (N, 1, H, W), not negative, detached."""
        if not self.loss or callable(target_class):
            return super().saliency(image, target_class)
        from facebias.saliency.targets import select

        def of_loss(out: Tensor) -> Tensor:
            """(N,) log-probability of the target; a weighted sum, so that no head of the model is looked behind."""
            return select(out.log_softmax(1), target_class, None)[0] * 1.0

        return super().saliency(image, of_loss)


class SmoothGrad(_ByName):
    """SmoothGrad; every image is given the same noise.

    Args:
        model: as for `FullGrad`.
        num_samples: number of noisy copies.
        std_spread: standard deviation of the noise, relative to an image's range.
    """

    _name = "smoothgrad"

    def __init__(self, model: nn.Module, num_samples: int = 100, std_spread: float = 0.15) -> None:
        super().__init__(model, samples=num_samples, spread=std_spread)
