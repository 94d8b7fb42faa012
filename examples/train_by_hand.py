"""A training loop of one's own on the embedded model: a few steps on physics, then an answer."""

import xfer

BATCH, STEPS = 8, 30

model = xfer.Model.load("embedded:small")
chat = xfer.Renderer(xfer.Renderer.recommended(model.tokenizer), model.tokenizer)
physics = xfer.domain("physics")
ask = physics.prompts[0].apply


def datum(example: xfer.Example) -> xfer.Datum:
    """The example as tokens; position t predicts the token after it."""
    tokens, is_target = chat.supervised_example(
        [
            {"role": "user", "content": ask(example.question)},
            {"role": "assistant", "content": example.solution},
        ]
    )
    return xfer.Datum(tokens[:-1], target_tokens=tokens[1:], weights=is_target[1:].astype(float))


trainer = xfer.Trainer(model, rank=16)
for step in range(STEPS):
    batch = [datum(physics.example("train", BATCH * step + i)) for i in range(BATCH)]
    targets = sum(float(d.loss_fn_inputs["weights"].sum()) for d in batch)
    loss = trainer.forward_backward(batch).metrics["loss:sum"] / targets
    trainer.optim_step(learning_rate=3e-3 / targets, grad_clip_norm=1.0)
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
