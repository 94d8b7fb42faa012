# SPDX-License-Identifier: Apache-2.0
"""The command sample."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import xfer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def add_to(app: typer.Typer) -> None:
    app.command("sample")(sample)


def sample(
    model: Annotated[
        str,
        typer.Argument(
            help="embedded:small, embedded:large, pypi:<package>, a model folder or a .gguf file."
        ),
    ],
    prompt: Annotated[str, typer.Argument(help="What the user says to the model.")],
    max_tokens: Annotated[int, typer.Option(min=1)] = 128,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0,
    num_samples: Annotated[int, typer.Option(min=1)] = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    renderer: Annotated[str, typer.Option(help="Chat template; auto: the model's own.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="0: all cores.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Let a model answer a prompt."""
    loaded = xfer.Model.load(model, threads=threads)
    name = xfer.Renderer.recommended(loaded.tokenizer) if renderer == "auto" else renderer
    chat = xfer.Renderer(name, loaded.tokenizer)
    completions = loaded.sampler().sample(
        chat.generation_prompt([{"role": "user", "content": prompt}]),
        num_samples=num_samples,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        stop_tokens=chat.stop_tokens,
        stop_strings=chat.stop_strings,
    )
    answers = [
        {
            "text": chat.parse_answer(c.tokens),
            "tokens": len(c.tokens),
            "stop_reason": c.stop_reason,
            "logprob": float(c.logprobs.sum()),
        }
        for c in completions
    ]
    if as_json:
        typer.echo(json.dumps({"model": loaded.name, "renderer": name, "answers": answers}))
        return
    for answer in answers:
        typer.echo(answer["text"])
