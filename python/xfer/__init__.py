# SPDX-License-Identifier: Apache-2.0
"""How much does fine-tuning on domain A improve domain B, and is that difference real?

Start with `xfer.run_transfer_experiment("math", "code")`.
"""

from __future__ import annotations

try:
    from xfer import _native  # noqa: F401
except ImportError as error:
    from pathlib import Path

    from xfer._missing import explanation

    raise ImportError(explanation(error, Path(__file__).parent)) from error

from xfer import _environment, stats
from xfer._native import (
    Completion,
    Datum,
    Domain,
    Example,
    LoraConfig,
    Metric,
    Model,
    Renderer,
    Sampler,
    Server,
    StudySpec,
    Tokenizer,
    Trainer,
    TrainerInfo,
    Verdict,
    __version__,
    chosen_option,
    domain,
    domains,
    find_overlap,
    grade,
    graders,
    list_scores,
    math_equal,
    reciprocal_rank,
    similarity_measures,
    supervised_datum,
    without_items,
)
from xfer.custom import CustomBackend, CustomSampler, CustomTrainer
from xfer.domain_sources import check_data, domain_from_file, mix
from xfer.errors import Cancelled, Error, ServiceError
from xfer.events import StudyEvents
from xfer.plan import StudyPlan
from xfer.result import Result, load_result
from xfer.similarity import Similarity, similarity
from xfer.study import (
    plan_study,
    regrade,
    run_study,
    run_study_async,
    run_transfer_experiment,
    run_transfer_experiment_async,
)
from xfer.watch import Watch, watch

__all__ = [
    "Cancelled",
    "Completion",
    "CustomBackend",
    "CustomSampler",
    "CustomTrainer",
    "Datum",
    "Domain",
    "Error",
    "Example",
    "LoraConfig",
    "Metric",
    "Model",
    "Renderer",
    "Result",
    "Sampler",
    "Server",
    "ServiceError",
    "Similarity",
    "StudyEvents",
    "StudyPlan",
    "StudySpec",
    "Tokenizer",
    "Trainer",
    "TrainerInfo",
    "Verdict",
    "Watch",
    "__version__",
    "check_data",
    "chosen_option",
    "domain",
    "domain_from_file",
    "domains",
    "find_overlap",
    "grade",
    "graders",
    "list_scores",
    "load_result",
    "math_equal",
    "mix",
    "plan_study",
    "reciprocal_rank",
    "regrade",
    "run_study",
    "run_study_async",
    "run_transfer_experiment",
    "run_transfer_experiment_async",
    "similarity",
    "similarity_measures",
    "stats",
    "supervised_datum",
    "watch",
    "without_items",
]

_environment.tell_native()
