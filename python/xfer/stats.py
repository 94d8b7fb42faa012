"""Intervals and tests, as the reports use them."""

from xfer._native import (
    Estimate,
    Fieller,
    PairedT,
    benjamini_hochberg,
    clopper_pearson,
    cluster_se,
    fieller,
    holm,
    mcnemar_exact,
    paired_t,
    wilson,
)

__all__ = [
    "Estimate",
    "Fieller",
    "PairedT",
    "benjamini_hochberg",
    "clopper_pearson",
    "cluster_se",
    "fieller",
    "holm",
    "mcnemar_exact",
    "paired_t",
    "wilson",
]
