#!/usr/bin/env bash
# llama-cpp-python 0.3.36 (llama.cpp compiled from its source archive), gguf 0.19.0, on the CPU.
# One would guess: where llama_memory_can_shift says yes, tokens that llama_memory_seq_add moves to other positions have the keys that they would
# have been given there, as context shifting and the reuse of chunks count on.
# Seen: of Hunyuan it says yes, but keys of that architecture are normalised after they are rotated, and weighed number by number; rotating them
# on is then not what the other position would have made of them. In a model of one layer, whose keys know nothing of the tokens before, the next
# token's scores are far off after a move, where those of a llama are the same but for rounding.
# Exits 1 if can_shift says no, or if moved keys of Hunyuan are as good as those of llama.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check llama-cpp-python==0.3.36 gguf==0.19.0 numpy
cat >try.py <<'END'
import sys

import gguf
import llama_cpp
import numpy as np

WIDTH, HEADS, FORWARD, WORDS, RUN = 128, 4, 256, 256, 8
HEAD = WIDTH // HEADS


def write(architecture, normed):
    writer = gguf.GGUFWriter(f"{architecture}.gguf", architecture)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD)
    writer.add_vocab_size(WORDS)
    writer.add_tokenizer_model("none")
    random = np.random.default_rng(0)

    def add(name, *shape):
        values = random.normal(0, shape[-1] ** -0.5, shape) if len(shape) > 1 else random.uniform(0.2, 2, shape)
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))

    add("token_embd", WORDS, WIDTH)
    add("output_norm", WIDTH)
    add("output", WORDS, WIDTH)
    add("blk.0.attn_norm", WIDTH)
    add("blk.0.ffn_norm", WIDTH)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        add(f"blk.0.{name}", WIDTH, WIDTH)
    for name in ("attn_q_norm", "attn_k_norm") if normed else ():
        add(f"blk.0.{name}", HEAD)
    for name in ("ffn_gate", "ffn_up"):
        add(f"blk.0.{name}", FORWARD, WIDTH)
    add("blk.0.ffn_down", WIDTH, FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def scores(context, tokens, position):
    batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for place, token in enumerate(tokens):
        batch.token[place], batch.pos[place], batch.n_seq_id[place] = token, position + place, 1
        batch.seq_id[place][0], batch.logits[place] = 0, place == len(tokens) - 1
    if llama_cpp.llama_decode(context, batch):
        raise RuntimeError("llama.cpp can't compute the model")
    pointer = llama_cpp.llama_get_logits_ith(context, len(tokens) - 1)
    return np.ctypeslib.as_array(pointer, (WORDS,)).copy()


def off(architecture):
    model = llama_cpp.llama_model_load_from_file(f"{architecture}.gguf".encode(), llama_cpp.llama_model_default_params())
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = 64
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    before, run, last = list(range(10, 10 + RUN)), list(range(40, 40 + RUN)), [99]
    there, moved = (llama_cpp.llama_init_from_model(model, params) for _ in range(2))
    scores(there, [*before, *run], 0)
    llama_cpp.llama_memory_seq_rm(llama_cpp.llama_get_memory(there), 0, 0, RUN)
    memory = llama_cpp.llama_get_memory(moved)
    can = llama_cpp.llama_memory_can_shift(memory)
    scores(moved, run, 0)
    llama_cpp.llama_memory_seq_add(memory, 0, 0, -1, RUN)
    one, other = (scores(context, last, 2 * RUN) for context in (there, moved))
    return can, float(np.abs(one - other).max() / np.abs(one).max())


llama_cpp.llama_backend_init()
found = {}
for architecture, normed in (("llama", False), ("hunyuan-dense", True)):
    write(architecture, normed)
    found[architecture] = off(architecture)
    print(f"{architecture}: can be shifted: {found[architecture][0]}; scores after a move are off by {found[architecture][1]:.4f} of the largest")
llama, hunyuan = found["llama"], found["hunyuan-dense"]
sys.exit(not (hunyuan[0] and hunyuan[1] > 10 * llama[1]))
END
venv/bin/python try.py 2>/dev/null
