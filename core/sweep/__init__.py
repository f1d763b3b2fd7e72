"""Many recipes on any executor: threads, processes, or a Dask cluster."""

from core.sweep.parcel import Measured, Parcel, asked, measure, with_files
from core.sweep.rounds import Outcome, Place, sweep
from core.sweep.scheduler import cluster
from core.sweep.workers import Workers, processes, threads, workers_of

__all__ = [
    "Measured",
    "Outcome",
    "Parcel",
    "Place",
    "Workers",
    "asked",
    "cluster",
    "measure",
    "processes",
    "sweep",
    "threads",
    "with_files",
    "workers_of",
]
