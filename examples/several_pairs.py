# SPDX-License-Identifier: Apache-2.0
"""Several studies from asyncio code, in one run folder each, one after another."""

import asyncio

import xfer


async def main() -> None:
    for source, target in [("math", "physics"), ("biology", "physics")]:
        result = await xfer.run_transfer_experiment_async(source, target, seeds=[0], items=100)
        print(result.cell(source, target).headline)


asyncio.run(main())
