"""FullGrad on hardened networks of timm: complete, alone as in a batch, and in float32 as in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from facebias.saliency import FullGrad
from facebias.saliency.benchmarks.networks import harden

NETWORKS = (
    "botnet26t_256 cait_xxs24_224 convit_tiny convnext_atto cspdarknet53 cspresnet50 edgenext_xx_small "
    "eva02_tiny_patch14_224 fasternet_t0 fastvit_t8 ghostnet_100 hardcorenas_a inception_next_atto mambaout_femto "
    "mixer_s32_224 mobilenetv4_conv_small mobilevit_xxs mobilevitv2_050 nest_tiny nf_resnet26 pit_ti_224 pvt_v2_b0 "
    "resmlp_12_224 resnet26t tf_efficientnet_b0"
).split()
SIDE = 128


def build(name: str) -> nn.Module:
    timm = pytest.importorskip("timm", reason="needs timm: pip install timm")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            model = timm.create_model(name, num_classes=10, img_size=SIDE)
        except TypeError:  # a convolutional network, whose images may have any size
            model = timm.create_model(name, num_classes=10)
    return harden(model).eval()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_timm_is_complete_alone_and_in_a_batch_and_in_float32(name):
    model = build(name)
    images = torch.randn((3, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    single = FullGrad(model).saliency(images[:1].float(), 1)
    explain = FullGrad(model.double())
    together, result = explain.explain(images, 1)
    alone = explain.saliency(images[:1], 1)
    assert result.relative_error.max() < 1e-12
    assert float((alone - together[:1]).abs().max() / together.max()) < 1e-6
    assert float((single - alone).abs().max() / alone.max()) < 1e-3
