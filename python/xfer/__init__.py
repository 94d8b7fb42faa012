"""How much does fine-tuning on domain A improve domain B, and is that difference real?

Start with `xfer.run_transfer_experiment("math", "code")`.
"""

from __future__ import annotations

from xfer import _environment, stats
from xfer._native import (
    Completion,
    Datum,
    Domain,
    Example,
    Metric,
    Model,
    Renderer,
    Sampler,
    StudySpec,
    Tokenizer,
    Trainer,
    Verdict,
    __version__,
    domain,
    domain_from_file,
    domains,
    supervised_datum,
)
from xfer.errors import Cancelled, Error, ServiceError
from xfer.result import Result, load_result
from xfer.study import (
    run_study,
    run_study_async,
    run_transfer_experiment,
    run_transfer_experiment_async,
)

__all__ = [
    "Cancelled",
    "Completion",
    "Datum",
    "Domain",
    "Error",
    "Example",
    "Metric",
    "Model",
    "Renderer",
    "Result",
    "Sampler",
    "ServiceError",
    "StudySpec",
    "Tokenizer",
    "Trainer",
    "Verdict",
    "__version__",
    "domain",
    "domain_from_file",
    "domains",
    "load_result",
    "run_study",
    "run_study_async",
    "run_transfer_experiment",
    "run_transfer_experiment_async",
    "stats",
    "supervised_datum",
]

_environment.tell_native()
