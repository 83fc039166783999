"""The same steps with torch and PEFT, in an environment that has them: prints tokens a second of
the CPU's time. `python training_torch.py BATCHES.json`, which `tools.bench.training` calls."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM


def main() -> None:
    """Trains on the batches of a file, with random weights of the same shape."""
    torch.set_num_threads(1)
    told = json.loads(Path(sys.argv[1]).read_text())
    model = get_peft_model(
        LlamaForCausalLM(LlamaConfig(**told["config"])).float(),
        LoraConfig(
            r=told["rank"],
            lora_alpha=told["alpha"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    learns = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learns, lr=1e-3)
    batches = [
        (torch.tensor(one["tokens"]), torch.tensor(one["labels"])) for one in told["batches"]
    ]

    def step(tokens: torch.Tensor, labels: torch.Tensor) -> None:
        model(input_ids=tokens, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(learns, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    step(*batches[0])
    began = time.process_time()
    for tokens, labels in batches[1:]:
        step(tokens, labels)
    print(told["tokens"] / (time.process_time() - began))


main()
