import resource

import pytest

from tests.core import mutated

EACH = 1000
MEMORY = 2**30  # bytes that reading any number of spoiled files of a few kilobytes may add


@pytest.mark.parametrize("reader", mutated.READERS)
def test_the_file_is_read_as_long_as_nothing_is_spoiled(reader, tmp_path):
    path = tmp_path / mutated.READERS[reader][0]
    path.write_bytes(mutated.whole(reader))
    mutated.read(reader, path)


@pytest.mark.parametrize("reader", mutated.READERS)
def test_a_spoiled_file_is_read_or_refused_in_a_sentence_and_makes_no_file(reader, tmp_path):
    data, path, marker = mutated.whole(reader), tmp_path / mutated.READERS[reader][0], tmp_path / "made"
    before, refused = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, 0
    for seed in range(EACH):
        path.unlink(missing_ok=True)  # a file that is cut short and written anew waits for the disk
        path.write_bytes(mutated.spoiled(data, seed, marker))
        said = mutated.refusal(reader, path)
        refused += said is not None
        assert said is None or 0 < len(said) < 1000
        assert [found.name for found in tmp_path.iterdir()] == [path.name], seed
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < MEMORY
    assert refused > EACH // 2
