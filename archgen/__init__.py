"""archgen: one YAML spec of a convolutional network; its static report and its PyTorch module are derived from it.

>>> import archgen
>>> network = archgen.load("specs/resnet18.yaml")
>>> network.report().totals.parameters
11689512
"""

from archgen.diagnostics import EnvironmentFault, Problem, SpecError
from archgen.network import Network, load

__all__ = ["EnvironmentFault", "Network", "Problem", "SpecError", "load"]
__version__ = "0.1.0"
