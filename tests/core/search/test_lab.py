from core.recipe import Settings
from core.search import Goal, lab, parts
from tests.core.search.test_search import noise


def test_encoded_layers_are_kept_up_to_a_size(monkeypatch):
    study, _ = parts(*noise())
    layer = max(study.known, key=lambda layer: layer.matrix.numel())
    monkeypatch.setattr(lab, "HELD", 2 * layer.matrix.numel() * (len(study.known) + 2))
    opened = lab.opened(study, Goal(drop=1.0))
    for step in range(1, 21):
        lab.measure_alone(opened, layer, Settings(sparsity=step / 25))
    assert len(opened.forms) == len(study.known) + 2
    assert list(opened.held) == list(opened.forms)
    assert sum(opened.held.values()) == lab.HELD
