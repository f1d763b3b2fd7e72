"""Latency: what is timed answers right, every variant has its turns, and the sentences follow from the figures."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

from core import latency, variants
from core.latency import Clock, Promise
from core.loading import fingerprint
from core.recipe import Recipe, Settings
from core.variants import VARIANTS, Built
from tests.core.test_variants import NETS, studied

QUICK = Clock(batches=(1, 7), rounds=6, warm=1)
PROMISE = Promise(7.9, 2.0, "codes of 4 bits")


def a_table(times: dict[str, tuple[float, float]], spread: float = 0.01) -> pd.DataFrame:
    """A row a variant, of its interval of times the dense model's."""
    rows = [
        {"variant": name, "batch": 1, "median": 1.0, "low": 1 - spread, "high": 1 + spread}
        | {"times": sum(ends) / 2, "times_low": ends[0], "times_high": ends[1]}
        for name, ends in {"dense": (1.0, 1.0), **times}.items()
    ]
    return pd.DataFrame(rows)


def test_every_variant_is_timed_at_every_batch_size() -> None:
    study, applied = studied(*NETS["plain"], Recipe(Settings(rank=0.4)))
    found = latency.latency(study, applied, QUICK)
    table = found.table
    assert list(zip(table["variant"], table["batch"], strict=True)) == [
        (v, b) for b in (1, 7) for v in VARIANTS if v != "shrunk"
    ]
    assert (table["rounds"] == 6).all()
    assert (table["low"] > 0).all()
    assert ((table["low"] <= table["median"]) & (table["median"] <= table["high"])).all()
    assert ((table["times_low"] <= table["times"]) & (table["times"] <= table["times_high"])).all()
    assert (table[table["variant"] == "dense"][["times", "times_low", "times_high"]] == 1.0).all(axis=None)
    own = table.set_index("variant")["macs"].to_dict()
    assert own["low_rank"] < own["dense"] == own["decoded"] == own["int8"]
    assert found.threads == torch.get_num_threads()
    assert list(found.left_out) == ["shrunk"]
    assert fingerprint(study.loaded.model) == study.loaded.sha256


def test_the_identity_differs_by_nothing() -> None:
    study, applied = studied(*NETS["bare"], Recipe())
    found = latency.latency(study, applied, QUICK)
    exact = found.table[found.table["variant"].isin(["dense", "decoded"])]
    assert (exact["difference"] == 0).all()
    assert list(found.left_out) == ["low_rank", "shrunk"]
    assert (found.promised.bytes, found.promised.macs) == (1.0, 1.0)


def test_a_batch_is_never_larger_than_the_data() -> None:
    study, applied = studied(*NETS["bare"], Recipe())
    found = latency.latency(study, applied, Clock(batches=(60, 1000), rounds=2))
    assert set(found.table["batch"]) == {60}


def test_a_variant_that_answers_wrong_is_not_timed() -> None:
    study, applied = studied(*NETS["bare"], Recipe())

    def wrong(study: object, applied: object) -> Built:
        return Built(nn.Sequential(variants.dense(study, applied).module, nn.Softmax(1)), "wrong")

    def broken(study: object, applied: object) -> Built:
        return Built(nn.Linear(99, 3), "broken")

    found = latency.latency(study, applied, QUICK, {"dense": variants.dense, "wrong": wrong, "broken": broken})
    assert set(found.table["variant"]) == {"dense"}
    assert "its logits differ by" in found.left_out["wrong"]
    assert "does not run" in found.left_out["broken"]


def test_a_weight_that_forward_reads_itself_is_left_in_place() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x) * self.fc.weight.norm()

    found = latency.latency(*studied(Reads(), (6,), Recipe()), QUICK)
    assert set(found.table["variant"]) == {"dense", "decoded"}
    assert "does not run" in found.left_out["int8"]


def test_without_the_dense_model_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(ValueError, match="'net' cannot be timed: no such thing"):
        latency.latency(*studied(*NETS["bare"], Recipe()), QUICK, {"dense": lambda study, applied: "no such thing"})


def test_the_modules_take_turns_in_inference_mode() -> None:
    calls = []

    class Told(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert torch.is_inference_mode_enabled()
            calls.append(self.name)
            return x.zero_()

    inputs = torch.ones(2, 3)
    found = latency.timed({name: Told(name) for name in "abc"}, inputs, Clock(rounds=20, warm=2))
    rounds = [tuple(calls[i : i + 3]) for i in range(0, len(calls), 3)]
    assert len(rounds) == 22
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert len(set(rounds)) == 6  # all orders come about
    assert {name: times.shape for name, times in found.items()} == dict.fromkeys("abc", (20,))
    assert (inputs == 1).all()


def test_time_that_is_up_ends_the_rounds() -> None:
    found = latency.timed({"a": nn.Identity()}, torch.ones(1), Clock(rounds=1000, warm=1, seconds=0, least=3))
    assert found["a"].shape == (3,)


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    study, applied = studied(*NETS["bare"], Recipe())
    found = latency.latency(study, applied, Clock(batches=(1,), rounds=1, threads=before + 1))
    assert (found.threads, torch.get_num_threads()) == (before + 1, before)


@given(some.lists(some.floats(0.1, 10), min_size=1, max_size=200))
def test_the_spread_is_that_of_numpy(times: list[float]) -> None:
    dense = np.full(len(times), 2.0)
    found = latency.spread(np.array(times), dense)
    assert found["median"] == pytest.approx(np.median(times))
    assert found["times"] == pytest.approx(np.median(times) / 2)
    assert min(times) / 2 <= found["times_low"] <= found["times"] <= found["times_high"] <= max(times) / 2


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(0).exponential(size=(2000, 40))
    found = [latency.spread(row, np.ones(40)) for row in drawn]
    inside = np.mean([one["times_low"] <= np.log(2) <= one["times_high"] for one in found])
    assert inside >= 0.95


def test_what_saves_bytes_but_no_time_is_said() -> None:
    found = latency.notes(a_table({"decoded": (0.98, 1.03), "int8": (0.4, 0.5)}), PROMISE)
    assert len(found) == 1
    assert "decoded: the file is 7.9 times smaller and 2.0 times fewer MACs would do, but no time" in found[0]
    assert "codes of 4 bits run decoded, at float32 speed" in found[0]


def test_what_saves_time_is_not_complained_of() -> None:
    assert latency.notes(a_table({"decoded": (0.4, 0.5), "low_rank": (0.3, 0.8)}), PROMISE) == ()


def test_what_promises_nothing_breaks_no_promise() -> None:
    assert latency.notes(a_table({"decoded": (0.98, 1.03)}), Promise(1.0, 1.0, "")) == ()
    assert latency.notes(a_table({"decoded": (0.98, 1.03)}), Promise(1.0, None, "")) == ()


def test_a_busy_machine_is_said() -> None:
    assert any("the machine was busy" in note for note in latency.notes(a_table({}, 0.4), Promise(1.0, 1.0, "")))
    assert not latency.notes(a_table({}, 0.1), Promise(1.0, 1.0, ""))


@pytest.mark.parametrize("wrong", [{"batches": ()}, {"batches": (0,)}, {"rounds": 0}, {"least": 0}, {"threads": 0}])
def test_a_clock_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        Clock(**wrong)


def test_grids_of_inputs_are_said_not_to_run() -> None:
    study, applied = studied(*NETS["plain"], Recipe(Settings(rank=0.4, inputs_bits=4)))
    found = latency.latency(study, applied, QUICK)
    assert list(found.left_out) == ["shrunk"]
    assert any("grids of 4 bits" in note for note in found.notes)
