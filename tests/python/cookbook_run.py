# SPDX-License-Identifier: Apache-2.0
"""Runs one of the cookbook's trainers, unmodified, on the official SDK or on `xfer.tinker`.

cookbook_run.py sdk|xfer sl|rl '<options as JSON>'
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any


def supervised(options: dict[str, Any]) -> None:
    from tinker_cookbook.supervised import train
    from tinker_cookbook.supervised.data import FromConversationFileBuilder
    from tinker_cookbook.supervised.types import ChatDatasetBuilderCommonConfig

    common = ChatDatasetBuilderCommonConfig(
        model_name_for_tokenizer=options["model_name"],
        renderer_name="role_colon",
        max_length=256,
        batch_size=8,
    )
    data = FromConversationFileBuilder(
        common_config=common, file_path=options.pop("file"), test_size=8
    )
    config = train.Config(
        dataset_builder=data,
        recipe_name="test",
        renderer_name="role_colon",
        lora_rank=8,
        lr_schedule="constant",
        **options,
    )
    asyncio.run(train.main(config))


def reinforcement(options: dict[str, Any]) -> None:
    from tinker_cookbook.recipes.math_rl import train

    config = train.CLIConfig(
        env="arithmetic",
        renderer_name="role_colon",
        lora_rank=8,
        # The default is not public and no server but the hosted one has it.
        loss_fn="importance_sampling",
        behavior_if_log_dir_exists="resume",
        **options,
    )
    asyncio.run(train.cli_main(config))


def main() -> None:
    client, trainer, options = sys.argv[1:]
    if client == "xfer":
        from xfer import tinker

        sys.modules["tinker"] = tinker
    {"sl": supervised, "rl": reinforcement}[trainer](json.loads(options))
    import tinker

    assert tinker.__name__ == ("xfer.tinker" if client == "xfer" else "tinker")


if __name__ == "__main__":
    main()
