# SPDX-License-Identifier: Apache-2.0
"""Studies on transformers + PEFT: a backend of one's own.

    python examples/peft_backend.py FOLDER      # a Llama-like model in Hugging Face's layout

checks the backend, then runs a small study on it. One model is held; every trainer and every
snapshot is an adapter of it under a name of its own.
"""

import contextlib
import hashlib
import itertools
import sys
from pathlib import Path

import peft
import torch
import transformers
import xfer
import xfer.testing

ATTENTION, MLP = ("q_proj", "k_proj", "v_proj", "o_proj"), ("gate_proj", "up_proj", "down_proj")


class PeftSampler(xfer.CustomSampler):
    def __init__(self, backend, adapter):
        self.backend, self.adapter = backend, adapter

    def sample(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, r):
        torch.manual_seed(r.seed)
        ends = self.backend.tokenizer.end_tokens if r.stop_tokens is None else r.stop_tokens
        hot = {"do_sample": True, "temperature": r.temperature, "top_k": r.top_k, "top_p": r.top_p}
        with self.backend.using(self.adapter) as model:
            ids = torch.tensor([r.prompt.tolist()] * r.num_samples)
            rows = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=r.max_tokens,
                eos_token_id=[int(t) for t in ends] or None, pad_token_id=0,
                **(hot if r.temperature > 0 else {"do_sample": False}),
            )  # fmt: skip
        return [self.completion(r, row[ids.shape[1] :].tolist(), set(ends)) for row in rows]

    def completion(self, r, tokens, ends):
        for i in range(len(tokens)):
            text = self.backend.tokenizer.decode_text(tokens[: i + 1])
            if tokens[i] in ends or any(s in text for s in r.stop_strings):
                tokens, reason = tokens[: i + 1], "stop"
                break
        else:
            reason = "length"
        [scores] = self.logprobs([(r.prompt.tolist() + tokens, len(r.prompt))])
        return xfer.Completion(tokens, scores, reason)

    def score(self, requests):
        return self.logprobs([(r.tokens.tolist(), r.first) for r in requests])

    def logprobs(self, pairs):
        with self.backend.using(self.adapter) as model, torch.inference_mode():
            return [token_logprobs(model, text)[first - 1 :].tolist() for text, first in pairs]


def token_logprobs(model, tokens, targets=None):
    logits = model(input_ids=torch.tensor([tokens])).logits[0].float().log_softmax(-1)
    logits = logits if targets is not None else logits[:-1]
    targets = torch.tensor(tokens[1:] if targets is None else targets)
    return logits.gather(-1, targets[:, None])[:, 0]


class PeftTrainer(xfer.CustomTrainer):
    def __init__(self, backend, lora, folder):
        self.backend, self.lora, self.folder, self.steps = backend, lora, Path(folder), 0
        torch.manual_seed(lora.seed)
        self.adapter = backend.add_adapter(lora)
        self.optimizer = torch.optim.AdamW(backend.parameters_of(self.adapter))

    def info(self):
        count = sum(p.numel() for p in self.backend.parameters_of(self.adapter))
        return xfer.TrainerInfo(self.backend.name, self.lora.rank, count, self.steps)

    def forward(self, data, loss_fn, loss_fn_config):
        with torch.no_grad():
            return self.forward_backward(data, loss_fn, loss_fn_config)

    def forward_backward(self, data, loss_fn, loss_fn_config):
        logprobs, total = [], 0.0
        with self.backend.using(self.adapter) as model:
            for datum in data:
                inputs = {k: torch.from_numpy(v) for k, v in datum.loss_fn_inputs.items()}
                found = token_logprobs(model, datum.tokens.tolist(), inputs["target_tokens"])
                weights = inputs.get("weights", torch.ones(len(found)))
                if loss_fn == "cross_entropy":
                    loss = -(weights * found).sum()
                elif loss_fn == "importance_sampling":
                    ratio = (found - inputs["logprobs"]).exp()
                    loss = -(weights * ratio * inputs["advantages"]).sum()
                else:
                    raise NotImplementedError(loss_fn)
                if loss.requires_grad:
                    loss.backward()
                logprobs.append(found.detach().numpy())
                total += loss.item()
        return logprobs, {"loss:sum": total}

    def optim_step(self, p):
        if p.grad_clip_norm > 0:
            own = self.backend.parameters_of(self.adapter)
            torch.nn.utils.clip_grad_norm_(own, p.grad_clip_norm)
        self.optimizer.param_groups[0].update(
            lr=p.learning_rate, betas=(p.beta1, p.beta2), eps=p.eps, weight_decay=p.weight_decay
        )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1

    def save_state(self, name, with_optimizer):
        state = {"weights": self.backend.weights_of(self.adapter), "steps": self.steps}
        if with_optimizer:
            state["optimizer"] = self.optimizer.state_dict()
        torch.save(state, self.folder / f"{name}.pt")
        return self.folder / f"{name}.pt"

    def load_state(self, path, with_optimizer):
        state = torch.load(path, weights_only=True)
        self.backend.copy_weights(state["weights"], self.adapter)
        self.optimizer = torch.optim.AdamW(self.backend.parameters_of(self.adapter))
        self.optimizer.zero_grad()
        if with_optimizer:
            self.optimizer.load_state_dict(state["optimizer"])
            self.steps = state["steps"]

    def snapshot(self):
        copy = self.backend.add_adapter(self.lora)
        self.backend.copy_weights(self.backend.weights_of(self.adapter), copy)
        return PeftSampler(self.backend, copy)


class PeftBackend(xfer.CustomBackend):
    def __init__(self, folder):
        folder = Path(folder)
        self.base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.base.generation_config = transformers.GenerationConfig()
        self.name = folder.name
        self.model_hash = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        self.version = f"torch {torch.__version__}, peft {peft.__version__}, float32"
        self.parameters = self.base.num_parameters()
        self.tokenizer = xfer.Tokenizer.load(folder / "tokenizer.json")
        self.model, self.numbers = None, itertools.count()

    def add_adapter(self, lora):
        modules = ATTENTION * lora.train_attn + MLP * lora.train_mlp
        config = peft.LoraConfig(
            r=lora.rank, lora_alpha=lora.alpha, target_modules=list(modules),
            exclude_modules=None if lora.train_unembed else ["lm_head"],
        )  # fmt: skip
        name = f"adapter{next(self.numbers)}"
        if self.model is None:
            self.model = peft.PeftModel(self.base, config, adapter_name=name)
        else:
            self.model.add_adapter(name, config)
        return name

    @contextlib.contextmanager
    def using(self, adapter):
        """A block in which the model has that adapter; None: in which it has none."""
        if self.model is None:
            yield self.base
        elif adapter is None:
            with self.model.disable_adapter():
                yield self.model
        else:
            self.model.set_adapter(adapter)
            yield self.model

    def named(self, adapter):
        mark = f".{adapter}."
        return {n.replace(mark, "."): p for n, p in self.base.named_parameters() if mark in n}

    def parameters_of(self, adapter):
        return list(self.named(adapter).values())

    def weights_of(self, adapter):
        return {name: p.detach().clone() for name, p in self.named(adapter).items()}

    def copy_weights(self, weights, adapter):
        with torch.no_grad():
            for name, p in self.named(adapter).items():
                p.copy_(weights[name])
                p.grad = None

    def create_trainer(self, lora, state_folder):
        return PeftTrainer(self, lora, state_folder)

    def base_sampler(self):
        return PeftSampler(self, None)


if __name__ == "__main__":
    backend = PeftBackend(sys.argv[1])
    print(xfer.testing.check_backend(backend))
    study = xfer.StudySpec(
        name="peft", seeds=[0], steps=10, batch_size=8, items=20, validation_items=0
    )
    print(xfer.run_study(study, backend=backend).table())
