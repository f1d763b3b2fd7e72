import pytest
import torch
from torch import nn

from core.compress import run
from core.joint import joint
from core.layer import layers
from core.secondorder import DAMPING
from tests.core import zoo


def centred(outputs):
    return outputs - outputs.mean(-1, keepdim=True)


def test_the_joint_solve_of_one_layer_is_damped_least_squares_and_zeros_stay():
    model = nn.Sequential(nn.Linear(6, 3, bias=False)).eval().requires_grad_(False)
    known, images = layers(model), zoo.random(50, 6)
    weight, keep = known[0].matrix.double(), torch.rand(3, 6, generator=torch.Generator().manual_seed(1)) > 0.5
    made = joint(model, known, {"0": known[0].matrix * keep}, images)["0"].double()
    centring = torch.eye(3).double() - 1 / 3
    design = torch.einsum("ck,nj->nckj", centring, images.double()).reshape(150, 18)[:, keep.flatten()]
    damping = (DAMPING * design.square().sum(0).mean()).sqrt() * torch.eye(int(keep.sum())).double()
    target = torch.cat(
        [(images.double() @ (weight * ~keep).mT @ centring).flatten(), torch.zeros(len(damping)).double()]
    )
    change = torch.linalg.lstsq(torch.cat([design, damping]), target[:, None]).solution[:, 0]
    assert torch.allclose(made[keep], weight[keep] + change, atol=1e-5)  # Jacobians are float32
    assert bool((made[~keep] == 0).all())


def test_the_joint_solve_brings_a_network_nearer_to_its_outputs_and_leaves_the_model():
    model, images = zoo.net(), zoo.random(60, 1, 8, 8)
    known = layers(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    bare = {layer.name: layer.matrix * (layer.matrix.abs() > layer.matrix.abs().median()) for layer in known}

    def lost(matrices):
        changed = {layer.parameter: matrices[layer.name].view(layer.weight.shape) for layer in known}
        return float((centred(run(model, changed, images)) - centred(model(images))).square().mean())

    assert lost(joint(model, known, bare, images)) < 0.5 * lost(bare)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_network_without_survivors_is_refused():
    model = nn.Sequential(nn.Linear(2, 2)).eval().requires_grad_(False)
    with pytest.raises(ValueError, match="0 weights survive"):
        joint(model, layers(model), {"0": torch.zeros(2, 2)}, zoo.random(3, 2))
