import math

import pytest
import torch

from core.training import Aim, Batch, loss, softened, taught
from tests.core import zoo


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_loss_is_its_formula_written_out_number_by_number(alpha, temperature):
    student, teacher, labels = zoo.random(5, 3), zoo.random(5, 3, seed=1), torch.tensor([0, 2, 1, 1, 0])
    total = 0.0
    for mine, theirs, label in zip(student.tolist(), teacher.tolist(), labels.tolist(), strict=True):
        p = [math.exp(z / temperature) for z in theirs]
        q = [math.exp(z / temperature) for z in mine]
        p, q = [v / sum(p) for v in p], [v / sum(q) for v in q]
        entropy = -math.log(math.exp(mine[label]) / sum(map(math.exp, mine)))
        divergence = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        total += alpha * entropy + (1 - alpha) * temperature**2 * divergence
    found = loss(student, Batch(torch.zeros(5, 1), labels, teacher), Aim(alpha, temperature))
    assert float(found) == pytest.approx(total / 5, rel=1e-5)  # float32


def test_without_alpha_labels_are_not_read():
    student, teacher = zoo.random(4, 3), zoo.random(4, 3, seed=1)
    impossible = torch.full((4,), -7)
    assert loss(student, Batch(student, impossible, teacher), Aim(0.0, 2.0)) == taught(student, teacher, 2.0)


def test_the_teacher_itself_loses_nothing():
    assert float(taught(zoo.random(4, 3), zoo.random(4, 3), 4.0)) == pytest.approx(0, abs=1e-6)


def test_heat_evens_answers_out():
    sharp, soft = softened(zoo.random(4, 3), 1.0), softened(zoo.random(4, 3), 100.0)
    assert torch.allclose(sharp, torch.softmax(zoo.random(4, 3), 1))
    assert float((soft - 1 / 3).abs().max()) < 0.02
    assert (softened(zoo.random(4, 3), 2.0).amax(1) < sharp.amax(1)).all()
