# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes on sums, samples and evaluates: a script as it is written for the hosted service.

Called with the service's address and the model's name.
"""

import sys

from xfer import tinker

url, base_model = sys.argv[1:]
service = tinker.ServiceClient(base_url=url, api_key="tml-local")
client = service.create_lora_training_client(base_model=base_model, rank=8, seed=1).result()
tokenizer = client.get_tokenizer()


def encode(text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


def datum(question: str, answer: str) -> tinker.Datum:
    prompt, completion = encode(question), encode(answer)
    tokens = prompt + completion
    weights = [0.0] * (len(prompt) - 1) + [1.0] * len(completion)
    return tinker.Datum(
        model_input=tinker.ModelInput.from_ints(tokens[:-1]),
        loss_fn_inputs={"target_tokens": tokens[1:], "weights": weights},
    )


problems = [(f"{a}+{b}=", f"{a + b};") for a in range(4) for b in range(4)]
data = [datum(question, answer) for question, answer in problems]

for step in range(12):
    batch = data[step % 2 :: 2]
    passed = client.forward_backward(batch, "cross_entropy")
    stepped = client.optim_step(tinker.AdamParams(learning_rate=2e-2))
    print(f"step {step} loss {passed.result().metrics['loss:sum']!r}")
    stepped.result()

sampler = client.save_weights_and_get_sampling_client().result()
params = tinker.SamplingParams(max_tokens=4, temperature=0.0, stop=[";"], seed=0)
futures = [
    sampler.sample(tinker.ModelInput.from_ints(encode(question)), 1, params)
    for question, _ in problems
]
correct = 0
for (question, answer), future in zip(problems, futures, strict=True):
    sequence = future.result().sequences[0]
    text = tokenizer.decode(sequence.tokens)
    print(question, repr(text), sequence.logprobs)
    correct += text == answer
print(f"accuracy {correct / len(problems)}")
logprobs = sampler.compute_logprobs(tinker.ModelInput.from_ints(encode("1+1=2;"))).result()
print(logprobs)
