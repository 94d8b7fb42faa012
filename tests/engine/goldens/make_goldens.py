# SPDX-License-Identifier: Apache-2.0
"""Makes the models of this folder and what transformers and PEFT compute with them.

    pip install torch transformers peft safetensors gguf && python make_goldens.py

Random models of a few thousand weights, one for each family that differs from Llama. Weights are
kept in bf16 (and computed with in float32), norms and biases are far from 1 and 0. A folder holds

- config.json, model.safetensors, tokenizer.json: the model; model.gguf: the same weights as GGUF;
- adapter_init, adapter_after3: a LoRA adapter in PEFT's layout before and after three steps;
- golden.json: logits and greedy tokens of prompts; loss, log-probabilities and gradients of a
  padded batch with masked prompts; losses and gradient norms of three AdamW steps.
"""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

HERE = Path(__file__).parent
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,=+-*/()"
VOCAB = len(CHARACTERS) + 1  # and the end of text
END = VOCAB - 1

BASE = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 6,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "initializer_range": 0.25,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": END,
}
PLAIN_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
EXPERTS = {"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 12}
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
MLP = ["gate_proj", "up_proj", "down_proj"]

FAMILIES = {
    "mistral": (
        transformers.MistralForCausalLM,
        transformers.MistralConfig(
            **BASE,
            num_hidden_layers=2,
            sliding_window=7,
            tie_word_embeddings=False,
            rope_parameters=PLAIN_ROPE,
        ),
    ),
    "qwen2": (
        transformers.Qwen2ForCausalLM,
        transformers.Qwen2Config(
            **BASE | {"head_dim": 4},
            num_hidden_layers=2,
            use_sliding_window=True,
            sliding_window=5,
            max_window_layers=1,
            tie_word_embeddings=True,
            rope_parameters=PLAIN_ROPE | {"rope_theta": 1000000.0},
        ),
    ),
    "qwen3_moe": (
        transformers.Qwen3MoeForCausalLM,
        transformers.Qwen3MoeConfig(
            **BASE,
            num_hidden_layers=2,
            **EXPERTS,
            norm_topk_prob=False,
            decoder_sparse_step=1,
            mlp_only_layers=[0],
            tie_word_embeddings=True,
            rope_parameters=PLAIN_ROPE,
        ),
    ),
    # GGUF knows no dense layers beside sparse ones: weights alone, to compare the two layouts.
    "qwen3_moe_sparse": (
        transformers.Qwen3MoeForCausalLM,
        transformers.Qwen3MoeConfig(
            **BASE,
            **EXPERTS,
            num_hidden_layers=1,
            norm_topk_prob=True,
            tie_word_embeddings=True,
            rope_parameters=PLAIN_ROPE,
        ),
    ),
    "gemma3_text": (
        transformers.Gemma3ForCausalLM,
        transformers.Gemma3TextConfig(
            **BASE,
            num_hidden_layers=3,
            sliding_window=6,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            query_pre_attn_scalar=9,
            final_logit_softcapping=4.0,
            tie_word_embeddings=True,
            rope_parameters={
                "sliding_attention": PLAIN_ROPE,
                "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1000000.0},
            },
        ),
    ),
}


def short(values: torch.Tensor) -> list[float]:
    return [float(f"{v:.7g}") for v in values.detach().flatten().tolist()]


def write_tokenizer(folder: Path) -> None:
    end = {"id": END, "content": "<|end|>", "special": True, "normalized": False}
    end |= {"single_word": False, "lstrip": False, "rstrip": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    level["use_regex"] = True
    vocab = {c: i for i, c in enumerate(CHARACTERS)}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [end],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def make_model(name: str, folder: Path) -> torch.nn.Module:
    kind, config = FAMILIES[name]
    torch.manual_seed(len(name))
    model = kind(config).float().eval()
    gemma = name.startswith("gemma")
    with torch.no_grad():
        for parameter_name, p in model.named_parameters():
            if "norm" in parameter_name:
                p.copy_((0.0 if gemma else 1.0) + 0.3 * torch.randn_like(p))
            elif parameter_name.endswith("bias"):
                p.copy_(0.5 * torch.randn_like(p))
            p.copy_(p.bfloat16().float())
    # A copy: converting a model rounds its rotary frequencies too.
    copy.deepcopy(model).bfloat16().save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    write_tokenizer(folder)
    return model


# GGUF's names (gguf.constants) of what this model's state_dict holds, and its metadata.
def write_gguf(model: torch.nn.Module, path: Path) -> None:
    config = model.config
    architecture = {"gemma3_text": "gemma3", "qwen3_moe": "qwen3moe"}.get(
        config.model_type, config.model_type
    )
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(model.model.layers[0].self_attn.head_dim)
    writer.add_value_length(model.model.layers[0].self_attn.head_dim)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    if architecture == "qwen3moe":
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    kind = {v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}[architecture]
    names = gguf.get_tensor_name_map(kind, config.num_hidden_layers)
    for key, tensor in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = tensor.detach().float()
        if architecture == "gemma3" and "norm" in key:
            values = values + 1.0  # GGUF keeps the factor itself
        if key.endswith("experts.gate_up_proj"):
            gate, up = values.chunk(2, dim=1)
            parts = {"gate_proj": gate, "up_proj": up}
        elif key.endswith("experts.down_proj"):
            parts = {"down_proj": values}
        else:
            parts = {"": values}
        for part, matrix in parts.items():
            source = f"{key.rsplit('.', 1)[0]}.{part}.weight" if part else key
            stem, suffix = source.rsplit(".", 1)
            target = names.get_name(stem)
            assert target is not None, source
            bits = np.ascontiguousarray(matrix.numpy())
            if bits.ndim == 1:
                writer.add_tensor(f"{target}.{suffix}", bits)
            else:
                half = (bits.view(np.uint32) >> 16).astype(np.uint16)
                writer.add_tensor(
                    f"{target}.{suffix}", half, raw_dtype=gguf.GGMLQuantizationType.BF16
                )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def prompt_record(model: torch.nn.Module, text: str) -> dict:
    ids = [CHARACTERS.index(c) for c in text]
    batch = torch.tensor([ids])
    with torch.no_grad():
        logits = model(input_ids=batch).logits[0]
        answer = model.generate(
            input_ids=batch,
            attention_mask=torch.ones_like(batch),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )[0, len(ids) :]
    return {
        "text": text,
        "decode": text,
        "ids": ids,
        "logits_first_pos": short(logits[0]),
        "logits_last_pos": short(logits[-1]),
        "logits_sqsum": float((logits.double() ** 2).sum()),
        "argmax_per_pos": logits.argmax(-1).tolist(),
        "greedy_12": answer.tolist(),
    }


def padded_batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    lengths = [(6, 5), (13, 9), (3, 2)]
    width = max(a + b for a, b in lengths)
    ids = torch.zeros(3, width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for row, (prompt, answer) in enumerate(lengths):
        n = prompt + answer
        ids[row, :n] = torch.randint(0, VOCAB, (n,), generator=generator)
        mask[row, :n] = 1
        labels[row, prompt:n] = ids[row, prompt:n]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def adapter_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {
        n.replace(".default", ""): p.detach().clone().contiguous()
        for n, p in model.named_parameters()
        if p.requires_grad
    }


def save_adapter(model: torch.nn.Module, folder: Path, targets: list[str]) -> None:
    folder.mkdir()
    save_file(adapter_state(model), folder / "adapter_model.safetensors", {"format": "pt"})
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 6}
    config |= {"target_modules": targets, "lora_dropout": 0.0, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config))


def training_record(model: torch.nn.Module, folder: Path, targets: list[str]) -> dict:
    lora = LoraConfig(
        r=2, lora_alpha=6, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM"
    )
    tuned = get_peft_model(model, lora)
    generator = torch.Generator().manual_seed(9)
    trained = [(n, p) for n, p in sorted(tuned.named_parameters()) if p.requires_grad]
    for _, p in trained:
        p.data = 0.2 * torch.randn(p.shape, generator=generator)
    save_adapter(tuned, folder / "adapter_init", targets)
    batch = padded_batch()
    tuned.train()
    out = tuned(**batch)
    out.loss.backward()
    logprobs = torch.log_softmax(out.logits[:, :-1].detach(), -1)
    logprobs = logprobs.gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
    record = {k: v.tolist() for k, v in batch.items()}
    record["loss"] = out.loss.item()
    record["token_logprobs_where_label"] = [
        short(logprobs[row][batch["labels"][row, 1:] != -100]) for row in range(3)
    ]
    record["grads"] = {
        n.replace(".default", ""): {
            "norm": float(p.grad.double().norm()),
            "sum": float(p.grad.double().sum()),
            "first8": short(p.grad.flatten()[:8]),
        }
        for n, p in trained
    }
    parameters = [p for _, p in trained]
    optimizer = torch.optim.AdamW(
        parameters, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01
    )
    losses, norms = [], []
    for _ in range(3):
        optimizer.zero_grad()
        loss = tuned(**batch).loss
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, 1.0)))
        optimizer.step()
        losses.append(loss.item())
    save_adapter(tuned, folder / "adapter_after3", targets)
    record |= {"losses": losses, "grad_norm_before_clip": norms}
    record["loss_after_3"] = tuned(**batch).loss.item()
    return record


def main() -> None:
    torch.set_num_threads(1)
    for name in FAMILIES:
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        model = make_model(name, folder)
        if name in ("qwen2", "qwen3_moe_sparse", "gemma3_text"):
            write_gguf(model, folder / "model.gguf")
        if name == "qwen3_moe_sparse":
            continue
        prompts = ["tom+5=apples,3*7", "a", "(x*2)/y=0.5-z, is it so.".replace(" ", "")]
        golden = {"prompts": [prompt_record(model, p) for p in prompts]}
        targets = ATTENTION + ([] if name == "qwen3_moe" else MLP)
        golden["train"] = training_record(model, folder, targets)
        (folder / "golden.json").write_text(json.dumps(golden))
        print(name, golden["train"]["losses"], golden["train"]["loss_after_3"])


if __name__ == "__main__":
    main()
