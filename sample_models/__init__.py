"""Networks with trained weights, and labelled images to measure them on."""

from sample_models.catalog import SAMPLES as SAMPLES
from sample_models.catalog import Sample as Sample
from sample_models.catalog import card as card
from sample_models.catalog import load as load
from sample_models.catalog import weights_path as weights_path
from sample_models.data import DATA as DATA
from sample_models.data import Data as Data
from sample_models.students import has_depth as has_depth
from sample_models.students import sample_of as sample_of
from sample_models.students import student as student
from sample_models.students import student_name as student_name
