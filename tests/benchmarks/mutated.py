"""Ten thousand spoiled files for each reader: none may raise anything but one sentence, make a file, or fill memory.

Run: python -m tests.benchmarks.mutated [COUNT]
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.core import mutated


def main(count: int) -> None:
    """Print for each reader how many files were refused, the time a file, and the peak memory so far."""
    for reader, (name, _) in mutated.READERS.items():
        with tempfile.TemporaryDirectory() as folder:
            path, marker, refused = Path(folder) / name, Path(folder) / "made", 0
            data, start = mutated.whole(reader), time.perf_counter()
            for seed in range(count):
                path.unlink(missing_ok=True)  # a file that is cut short and written anew waits for the disk
                path.write_bytes(mutated.spoiled(data, seed, marker))
                refused += mutated.refusal(reader, path) is not None
                if len(list(Path(folder).iterdir())) > 1:
                    raise SystemExit(f"{reader}: the file of seed {seed} made another file")
        each = (time.perf_counter() - start) / count
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{reader:20} {refused:6} of {count} refused, {1000 * each:.1f} ms a file, peak {peak:.0f} MB", flush=True
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
