"""Arrays that are kept with a run come back as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from core.runs.arrays import TYPES, packed, unpacked


@given(
    st.sampled_from(sorted(TYPES)).flatmap(lambda name: arrays(name, array_shapes(min_dims=0, min_side=0, max_side=4)))
)
def test_arrays_come_back_to_the_bit(array):
    back = unpacked(packed(array))
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert not back.flags.writeable


@pytest.mark.parametrize(
    "damaged",
    [
        lambda kind, shape, data: (kind, shape, data[:-9]),
        lambda kind, shape, data: (kind, "7", data),
        lambda kind, shape, data: (kind, "9", data),
        lambda kind, shape, data: (kind, "x", data),
        lambda kind, shape, data: ("object", shape, data),
        lambda kind, shape, data: (kind, shape, b"no zlib"),
    ],
)
def test_damaged_arrays_are_one_sentence(damaged):
    with pytest.raises(ValueError, match="is damaged"):
        unpacked(damaged(*packed(np.arange(8, dtype=np.float32))))
