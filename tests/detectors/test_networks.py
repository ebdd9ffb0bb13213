"""The networks and their losses, free of the mistakes found in published implementations."""

from __future__ import annotations

import pytest
import torch

from facebias.core.config import Config
from facebias.detectors.inference import as_input, inference, latent_means, logits
from facebias.detectors.networks import DBVAE, StandardCNN, build_model

CONFIG = Config()


def batch(faces: int, negatives: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(faces + negatives, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return images, torch.cat([torch.ones(faces), torch.zeros(negatives)])


def test_lab_sizes_are_those_of_the_course():
    assert sum(p.numel() for p in StandardCNN("lab").parameters()) == 640_889
    assert sum(p.numel() for p in DBVAE("lab", 100).parameters()) == 909_500


@pytest.mark.parametrize("size", ["lab", "paper"])
def test_both_networks_answer_one_logit_an_image_and_the_decoder_mirrors_the_image(size):
    images, _ = batch(2, 1)
    assert StandardCNN(size)(images).shape == (3,)
    model = DBVAE(size, 7)
    encoding = model.encode(images)
    assert (encoding.logit.shape, encoding.mu.shape, encoding.log_variance.shape) == ((3,), (3, 7), (3, 7))
    assert model.decode(encoding.mu).shape == images.shape


def test_non_faces_are_classified_and_nothing_else():
    """Mistakes 1 and 2: no classification gradient for non-faces; non-faces that train the decoder."""
    images, labels = batch(0, 4)
    model = DBVAE("lab", 8)
    parts = model.loss(images, labels, CONFIG, torch.Generator().manual_seed(0))
    parts.total.backward()
    head = model.head.weight.grad
    assert head[0].abs().sum() > 0
    assert (head[1:] == 0).all()
    assert all(p.grad is None or (p.grad == 0).all() for p in model.decoder.parameters())
    assert parts.reconstruction == 0 and parts.kl == 0


@pytest.mark.parametrize("column", [False, True])
def test_a_non_face_among_faces_has_exactly_zero_gradient_on_latents_and_pixels(column):
    images, labels = batch(3, 2)
    labels = labels[:, None] if column else labels  # (B, 1) labels must not broadcast against (B,) logits
    model = DBVAE("lab", 8)
    captured = {}
    encode = model.encode

    def spying(images):
        captured["encoding"] = encode(images)
        for value in captured["encoding"]:
            value.retain_grad()
        return captured["encoding"]

    model.encode = spying
    model.loss(images, labels, CONFIG, torch.Generator().manual_seed(0)).total.backward()
    for value in captured["encoding"][1:]:
        assert (value.grad[3:] == 0).all()
        assert (value.grad[:3] != 0).any(dim=1).all()
    assert (captured["encoding"].logit.grad != 0).all()


def test_the_loss_does_not_depend_on_non_face_pixels_beyond_classification():
    model = DBVAE("lab", 8).eval()
    images, labels = batch(2, 2)
    other = images.clone()
    other[2:] = 0
    a, b = (model.loss(x, labels, CONFIG, torch.Generator().manual_seed(0)) for x in (images, other))
    assert a.reconstruction == b.reconstruction and a.kl == b.kl
    assert a.classification != b.classification


def test_latents_are_sampled_with_the_standard_deviation():
    """Mistake 5: exp(log variance) in place of exp(log variance / 2)."""
    model = DBVAE("lab", 4)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
        model.head.bias[5:] = 2.0  # log variance
    seen = []
    model.decode = lambda z: seen.append(z) or torch.zeros(len(z), 3, 64, 64)
    images, labels = batch(400, 0)
    parts = model.loss(images, labels, CONFIG, torch.Generator().manual_seed(0))
    assert seen[0].std().item() == pytest.approx(torch.e, rel=0.05)
    assert parts.kl.item() == pytest.approx(4 * 0.5 * (torch.e**2 - 1 - 2), rel=1e-4)


def test_reconstruction_is_the_mean_absolute_error_of_pixels_over_the_batch():
    model = DBVAE("lab", 4)
    model.decode = lambda z: torch.zeros(len(z), 3, 64, 64)
    images, labels = batch(2, 2)
    parts = model.loss(images, labels, CONFIG)
    assert parts.reconstruction.item() == pytest.approx(images[:2].mean().item() * 2 / 4, rel=1e-5)


def test_the_last_decoder_layer_can_reach_below_zero():
    """Mistake 6: a ReLU there leaves dead pixels."""
    out = DBVAE("lab", 4).decode(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)))
    assert (out < 0).any()


def test_height_and_width_keep_their_places():
    """Mistake 6: a wrong permute swaps them; an image taller than wide would come back transposed."""
    model = build_model(CONFIG.with_(latents=4)).eval()
    image = torch.zeros(1, 3, 64, 64)
    image[..., :8, :] = 1  # a bar along the top
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(80):
        loss = (model.decode(model.encode(image).mu) - image).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    out = model.reconstruct(image)[0].mean(0)
    assert out[:6].mean() > out[:, :6].mean() + 0.2


def test_after_a_latent_pass_every_module_is_in_its_own_mode_again():
    """Mistake 3: eval() left on freezes batch norm for the rest of training."""
    model = DBVAE("lab", 4).train()
    model.decoder.eval()
    flags = [m.training for m in model.modules()]
    pixels = torch.zeros(5, 3, 64, 64, dtype=torch.uint8)
    latent_means(model, pixels)
    logits(model, pixels)
    assert [m.training for m in model.modules()] == flags
    with pytest.raises(RuntimeError), inference(model):
        raise RuntimeError
    assert [m.training for m in model.modules()] == flags


def test_a_latent_pass_does_not_run_the_decoder_nor_move_batch_statistics():
    model = DBVAE("lab", 4).train()
    model.decode = None
    before = {k: v.clone() for k, v in model.state_dict().items()}
    latent_means(model, torch.zeros(5, 3, 64, 64, dtype=torch.uint8))
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_every_path_from_pixels_to_input_is_one():
    """Mistake 4: latents from 0..255 while training sees 0..1."""
    pixels = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = as_input(pixels)
    assert images.max() <= 1
    model = DBVAE("lab", 4).eval()
    torch.testing.assert_close(latent_means(model, pixels), model.encode(images).mu)
    torch.testing.assert_close(logits(model, pixels), model(images))
    with pytest.raises(TypeError, match="uint8"):
        as_input(images)


def test_arms_of_a_seed_start_from_the_same_encoder():
    cnn, vae = (build_model(CONFIG.for_arm(arm, seed=3)).encoder.state_dict() for arm in ("cnn", "dbvae-0.01"))
    other = build_model(CONFIG.for_arm("cnn", seed=4)).encoder.state_dict()
    assert all(torch.equal(cnn[k], vae[k]) for k in cnn)
    assert not torch.equal(cnn["hidden.weight"], other["hidden.weight"])


def test_building_a_network_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    build_model(CONFIG)
    assert torch.equal(torch.rand(1), expected)
