"""Two ways to let the trained model answer: its GGUF in llama.cpp, or its weights in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tools.tiny_model.chat import MESSAGE_END, Conversation

LONGEST_ANSWER = 300


class Engine(Protocol):
    """Something that continues a conversation."""

    def answer(self, conversation: Conversation, temperature: float) -> str:
        """What the model says in place of the conversation's last answer."""
        ...


class LlamaCppEngine:
    """The exported file, asked through llama-cpp-python."""

    def __init__(self, gguf: Path) -> None:
        from llama_cpp import Llama

        self._llama = Llama(str(gguf), n_ctx=1024, n_threads=1, seed=1, verbose=False)

    def answer(self, conversation: Conversation, temperature: float) -> str:
        """What the model says, with the chat template of its file."""
        completion = self._llama.create_chat_completion(
            conversation.messages(),
            max_tokens=LONGEST_ANSWER,
            temperature=temperature,
        )
        return completion["choices"][0]["message"]["content"]


class TorchEngine:
    """The weights in 32-bit floats, without a cache: slow, but nothing besides PyTorch needed."""

    def __init__(self, build: Path) -> None:
        import torch
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        from tools.tiny_model.model import Shape, TinyLlama

        torch.set_num_threads(1)
        torch.manual_seed(1)
        self._torch = torch
        self._tokenizer = Tokenizer.from_file(str(build / "tokenizer.json"))
        self._model = TinyLlama(Shape(vocabulary=self._tokenizer.get_vocab_size()))
        self._model.load_state_dict(load_file(build / "model.safetensors"))

    def answer(self, conversation: Conversation, temperature: float) -> str:
        """What the model says, from the ChatML text."""
        end = self._tokenizer.get_vocab()[MESSAGE_END]
        ids = self._tokenizer.encode(conversation.prompt(), add_special_tokens=False).ids
        start = len(ids)
        while len(ids) < start + LONGEST_ANSWER:
            chosen = self._next(ids, temperature)
            if chosen == end:
                break
            ids.append(chosen)
        return self._tokenizer.decode(ids[start:])

    def _next(self, ids: list[int], temperature: float) -> int:
        with self._torch.no_grad():
            hidden = self._model(self._torch.tensor([ids]))[0, -1]
            scores = self._model.logits(hidden)
        if temperature == 0:
            return int(scores.argmax())
        return int(self._torch.multinomial((scores / temperature).softmax(-1), 1))
