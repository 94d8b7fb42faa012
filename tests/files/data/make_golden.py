# SPDX-License-Identifier: Apache-2.0
"""Makes the files of this folder with the reference packages (numpy, gguf, safetensors).

    pip install numpy gguf safetensors && python make_golden.py

- <type>.blocks / <type>.floats: encoded blocks and what gguf.quants.dequantize makes of them. The
  scales include zero, negative, subnormal, largest, infinite and NaN ones.
- every_kind.gguf: every kind of metadata value and tensors of several types.
- every_type.safetensors: one tensor of each type that is read, a scalar and an empty one.
"""

import struct
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
QuantizationType = gguf.GGMLQuantizationType

# Where a block keeps its float16 scales.
SCALES = {
    "Q8_0": [0],
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}
ODD_HALVES = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00]


def blocks_of(name: str, rng: np.random.Generator) -> np.ndarray:
    if name == "F32":
        odd = [0, 1 << 31, 1, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F7FFFFF, 0x007FFFFF]
        return np.array(odd + list(rng.integers(0, 1 << 32, 24)), np.uint32).view(np.uint8)
    if name in ("F16", "BF16"):
        odd = [*ODD_HALVES, 0x7F80, 0xFF80, 0x7FC0, 0x007F]
        return np.array(odd + list(rng.integers(0, 1 << 16, 50)), np.uint16).view(np.uint8)
    elements, size = gguf.GGML_QUANT_SIZES[QuantizationType[name]]
    count = 3 if elements == 256 else 12
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for row, block in enumerate(blocks):
        for place, offset in enumerate(SCALES[name]):
            if row == 0 or row >= count - 2:
                half = np.array(rng.normal(0, 0.05), np.float16).view(np.uint16)
            else:
                half = ODD_HALVES[(row + place * 4) % len(ODD_HALVES)]
            block[offset : offset + 2] = list(struct.pack("<H", int(half)))
    if elements == 256:  # only three blocks: make the middle one infinite and subnormal
        for place, offset in enumerate(SCALES[name]):
            blocks[1, offset : offset + 2] = list(struct.pack("<H", [0x7C00, 0x0003][place]))
    return blocks.reshape(-1)


def write_dequantized() -> None:
    for name in ("F32", "F16", "BF16", *SCALES):
        blocks = blocks_of(name, np.random.default_rng(len(name) * 1000 + ord(name[1])))
        with np.errstate(all="ignore"):
            floats = gguf.quants.dequantize(blocks, QuantizationType[name])
        (HERE / f"{name.lower()}.blocks").write_bytes(blocks.tobytes())
        (HERE / f"{name.lower()}.floats").write_bytes(floats.astype("<f4").tobytes())


def write_gguf() -> None:
    writer = gguf.GGUFWriter(HERE / "every_kind.gguf", "llama")
    writer.add_uint8("kind.u8", 200)
    writer.add_int8("kind.i8", -100)
    writer.add_uint16("kind.u16", 60000)
    writer.add_int16("kind.i16", -30000)
    writer.add_uint32("kind.u32", 4_000_000_000)
    writer.add_int32("kind.i32", -2_000_000_000)
    writer.add_uint64("kind.u64", 2**64 - 1)
    writer.add_int64("kind.i64", -(2**63))
    writer.add_float32("kind.f32", 0.5)
    writer.add_float64("kind.f64", 0.1)
    writer.add_bool("kind.bool", True)
    writer.add_string("kind.string", "Grüße, 世界")
    writer.add_array("array.i32", [-1, 2, 3])
    writer.add_array("array.f32", [0.5, -0.25])
    writer.add_array("array.bool", [True, False])
    writer.add_array("array.string", ["", "a", "\n"])
    values = np.arange(-96, 96, dtype=np.float32).reshape(2, 3, 32)
    writer.add_tensor("plain", values)
    writer.add_tensor("half", values[0].astype(np.float16))
    for name in ("Q8_0", "Q4_1"):
        quantised = gguf.quants.quantize(values[1], QuantizationType[name])
        writer.add_tensor(name.lower(), quantised, raw_dtype=QuantizationType[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_safetensors() -> None:
    tensors = {
        "a.f32": np.array([[1.5, -2.25, 3e38], [0.0, -0.0, 1e-45]], np.float32),
        "b.f16": np.array([1.0, -65504.0, 6e-8], np.float16),
        "c.i64": np.array([-(2**63), 2**63 - 1], np.int64),
        "d.i32": np.array([[7]], np.int32),
        "e.u8": np.array([0, 255, 3], np.uint8),
        "f.scalar": np.array(4.0, np.float32),
        "g.empty": np.zeros((0, 3), np.float32),
    }
    save_file(tensors, HERE / "every_type.safetensors", metadata={"format": "np"})


if __name__ == "__main__":
    write_dequantized()
    write_gguf()
    write_safetensors()
