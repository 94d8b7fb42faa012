# SPDX-License-Identifier: Apache-2.0
"""A training loop of one's own on the embedded model: a few steps on physics, then an answer."""

import xfer

BATCH, STEPS = 8, 30

model = xfer.Model.load("embedded:small")
chat = xfer.Renderer(xfer.Renderer.recommended(model.tokenizer), model.tokenizer)
physics = xfer.domain("physics")
ask = physics.prompts[0].apply


def datum(example: xfer.Example, share: float) -> xfer.Datum:
    """The example as tokens; position t predicts the token after it. Every example counts `share`,
    spread evenly over the tokens of its answer."""
    tokens, is_target = chat.supervised_example(
        [
            {"role": "user", "content": ask(example.question)},
            {"role": "assistant", "content": example.solution},
        ]
    )
    weights = is_target[1:] * (share / is_target[1:].sum())
    return xfer.Datum(tokens[:-1], target_tokens=tokens[1:], weights=weights)


trainer = xfer.Trainer(model, rank=16)
for step in range(STEPS):
    batch = [datum(physics.example("train", BATCH * step + i), 1 / BATCH) for i in range(BATCH)]
    loss = trainer.forward_backward(batch).metrics["loss:sum"]
    trainer.optim_step(learning_rate=3e-3, grad_clip_norm=1.0)
    if step % 10 == 0:
        print(f"step {step}: loss {loss:.3f} per token")

test = physics.example("test", 0)
[completion] = trainer.snapshot().sample(
    chat.generation_prompt([{"role": "user", "content": ask(test.question)}]),
    max_tokens=physics.max_answer_tokens,
    temperature=0.0,
    stop_tokens=chat.stop_tokens,
)
answer = chat.parse_answer(completion.tokens)
print(f"{test.question}\n{answer}\nright answer: {test.answer}, {physics.grade(test, answer)}")
