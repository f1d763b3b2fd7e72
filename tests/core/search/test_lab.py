from core import encoding
from core.recipe import Settings
from core.search import Goal, lab, parts
from tests.core.search.test_search import noise


def test_encoded_layers_are_kept_up_to_a_size_and_each_is_sized_once(monkeypatch):
    study, _ = parts(*noise())
    layer = max(study.known, key=lambda layer: layer.matrix.numel())
    sized = []
    count = encoding.stored_values
    monkeypatch.setattr(encoding, "stored_values", lambda form: sized.append(form) or count(form))
    monkeypatch.setattr(lab, "HELD", 2 * layer.matrix.numel() * (len(study.known) + 2))
    opened = lab.opened(study, Goal(drop=1.0))
    for step in range(1, 21):
        lab.measure_alone(opened, layer, Settings(sparsity=step / 25))
    assert len(sized) == 20
    assert len(opened.forms) == len(study.known) + 2
    assert opened.held.keys() == opened.forms.keys()
