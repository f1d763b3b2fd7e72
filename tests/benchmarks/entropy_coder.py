"""The entropy coder beside Shannon's bound and zlib: size, and speed both ways.

python -m tests.benchmarks.entropy_coder [--repeat 3]
"""

import argparse
import statistics
import time
import zlib
from collections.abc import Callable

import numpy as np
import torch

from core.encoding import pack
from core.encoding.masks import plan_mask, read_mask, write_mask
from core.encoding.streams import plan_codes, read_codes, write_codes
from core.entropy import bits_of

SIZES = (2_000, 200_000, 2_000_000)


def codes_of(kind: str, count: int) -> tuple[np.ndarray, int]:
    """Codes and their width in bits."""
    rng = np.random.default_rng(0)
    width = int(kind.split()[0])
    wide = rng.uniform(0, 2**width, count) if "uniform" in kind else rng.normal(2 ** (width - 1), 2**width / 8, count)
    return np.clip(wide, 0, 2**width - 1).astype(np.uint8), width


def mask_of(kind: str, count: int) -> np.ndarray:
    """A mask of 500 columns, or fewer; `edges`: a half of its columns keep a tenth of what the others do."""
    columns = min(500, count)
    share = np.full(columns, float(kind.split()[0]))
    if "edges" in kind:
        share[::2] /= 10
    return np.random.default_rng(0).random((count // columns, columns)) < share


def seconds(function: Callable[[], object], repeat: int) -> tuple[float, object]:
    """The median of `repeat` runs, and the last result."""
    times, result = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def codes_row(kind: str, count: int, repeat: int) -> tuple[float, ...]:
    """Bytes by entropy, coded, packed and by zlib; seconds to plan, encode and decode, and of zlib's both ways."""
    codes, width = codes_of(kind, count)
    planning, (plan, counts) = seconds(lambda: plan_codes(codes, 2**width), repeat)
    encoding, stream = seconds(lambda: write_codes(plan, codes, 2**width), repeat)
    decoding, back = seconds(lambda: read_codes(stream, count, 2**width), repeat)
    assert np.array_equal(back.numpy(), codes)
    packed = pack(torch.from_numpy(codes), width).numpy().tobytes()
    return float(bits_of(counts)) / 8, plan.size, planning, encoding, decoding, *by_zlib(packed, repeat)


def mask_row(kind: str, count: int, repeat: int) -> tuple[float, ...]:
    """The same of a mask."""
    mask = mask_of(kind, count)
    planning, plan = seconds(lambda: plan_mask(mask), repeat)
    encoding, stream = seconds(lambda: write_mask(plan, mask), repeat)
    decoding, back = seconds(lambda: read_mask(stream, mask.shape), repeat)
    assert np.array_equal(back.numpy(), mask.ravel())
    least = float(bits_of(np.array([mask.size - mask.sum(), mask.sum()]))) / 8
    return least, plan.size, planning, encoding, decoding, *by_zlib(np.packbits(mask).tobytes(), repeat)


def by_zlib(packed: bytes, repeat: int) -> tuple[float, ...]:
    """Bytes packed and compressed at zlib's best level, seconds both ways."""
    encoding, small = seconds(lambda: zlib.compress(packed, 9), repeat)
    decoding, _ = seconds(lambda: zlib.decompress(small), repeat)
    return len(packed), len(small), encoding, decoding


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    print("bytes by entropy, coded with all heads, their ratio; packed, zlib over entropy; million symbols a second")
    print(f"{'':22}{'symbols':>9}{'entropy':>10}{'coded':>9}{'ratio':>7}{'packed':>9}{'zlib':>7}", end="")
    print(f"{'plan ms':>9}{'encode':>8}{'decode':>8}{'zlib':>7}{'unzip':>7}")
    for row, kinds in ((codes_row, CODES), (mask_row, MASKS)):
        for kind in kinds:
            for count in SIZES:
                least, size, plan, coding, reading, packed, small, zipping, unzipping = row(kind, count, repeat)
                rates = [count / 1e6 / spent for spent in (coding, reading, zipping, unzipping)]
                print(
                    f"{kind:22}{count:9}{least:10.0f}{size:9}{size / least:7.3f}{packed:9}{small / least:7.2f}", end=""
                )
                print(f"{1e3 * plan:9.2f}{rates[0]:8.1f}{rates[1]:8.1f}{rates[2]:7.1f}{rates[3]:7.0f}")


CODES = ("2 bits bell", "3 bits bell", "4 bits bell", "8 bits bell", "4 bits uniform")
MASKS = ("0.5 mask", "0.1 mask", "0.01 mask", "0.1 mask edges")


if __name__ == "__main__":
    main()
