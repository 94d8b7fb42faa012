# SPDX-License-Identifier: Apache-2.0
"""Names of the SDK's inner modules that scripts import."""
