#!/usr/bin/env bash
# llama-cpp-python 0.3.36 (llama.cpp compiled from its source archive), gguf 0.19.0, on the CPU.
# One would guess: keys and values of 8.5 bits instead of 16 make long prompts a little faster, or hardly slower: there is half as much to
# read, and single tokens are written faster with them than with 16 bits where both are attended in one pass.
# Seen: a prompt takes far longer. In one pass, attention of many rows at once is only for keys and values of 16 or 32 bits of one type;
# others, and bf16 too, are computed row by row. In a model that is mostly attention, 2,000 tokens took over three times as long by Q8_0.
# Exits 1 if the prompt takes less than 1.3 times as long.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check llama-cpp-python==0.3.36 gguf==0.19.0 numpy
cat >try.py <<'END'
import sys
from time import process_time

import gguf
import llama_cpp
import numpy as np

WIDTH, LAYERS, HEADS, FORWARD, WORDS, PROMPT = 512, 4, 8, 512, 256, 2048
writer = gguf.GGUFWriter("model.gguf", "llama")
writer.add_context_length(PROMPT)
writer.add_embedding_length(WIDTH)
writer.add_block_count(LAYERS)
writer.add_feed_forward_length(FORWARD)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_vocab_size(WORDS)
writer.add_tokenizer_model("none")
random = np.random.default_rng(0)


def add(name, *shape):
    values = random.normal(0, 0.02, shape) if len(shape) > 1 else np.ones(shape)
    writer.add_tensor(f"{name}.weight", values.astype(np.float32))


add("token_embd", WORDS, WIDTH)
add("output_norm", WIDTH)
add("output", WORDS, WIDTH)
for layer in range(LAYERS):
    add(f"blk.{layer}.attn_norm", WIDTH)
    add(f"blk.{layer}.ffn_norm", WIDTH)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        add(f"blk.{layer}.{name}", WIDTH, WIDTH)
    for name in ("ffn_gate", "ffn_up"):
        add(f"blk.{layer}.{name}", FORWARD, WIDTH)
    add(f"blk.{layer}.ffn_down", WIDTH, FORWARD)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

llama_cpp.llama_backend_init()
model = llama_cpp.llama_model_load_from_file(b"model.gguf", llama_cpp.llama_model_default_params())


def seconds(kind):
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = PROMPT, 512, 512
    params.n_threads = params.n_threads_batch = 1
    params.type_k = params.type_v = kind
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
    context = llama_cpp.llama_init_from_model(model, params)
    batch = llama_cpp.llama_batch_init(512, 0, 1)
    before = process_time()
    for start in range(0, PROMPT, 512):
        batch.n_tokens = 512
        for row in range(512):
            batch.token[row], batch.pos[row] = (start + row) % WORDS, start + row
            batch.n_seq_id[row], batch.seq_id[row][0], batch.logits[row] = 1, 0, row == 511
        assert llama_cpp.llama_decode(context, batch) == 0
    took = process_time() - before
    llama_cpp.llama_free(context)
    return took


whole, blocks = (min(seconds(kind) for _ in range(3)) for kind in (1, 8))
print(f"a prompt of {PROMPT} tokens, flash attention: {whole:.2f} s by F16, {blocks:.2f} s by Q8_0: {blocks / whole:.1f} times as long")
sys.exit(blocks < 1.3 * whole)
END
venv/bin/python try.py 2>/dev/null
