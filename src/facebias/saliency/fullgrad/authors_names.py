"""The names under which the authors' code (github.com/idiap/fullgrad-saliency) is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from facebias.core.errors import FacebiasError

if TYPE_CHECKING:
    from facebias.saliency.fullgrad.decomposition import Decomposition
    from facebias.saliency.targets import Target


class AuthorsNames:
    """Calls of the authors' code, in both of its generations, for `FullGrad` and its variants."""

    model: nn.Module

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
        if type(self.model).forward is not nn.Module.forward:
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
