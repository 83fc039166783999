"""`funland.v1.InferenceService`: the wire on one side, generations and workers on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from funland.v1 import inference_pb2
from funland.worker.v1 import worker_pb2
from funland_server.errors import FunlandError
from funland_server.identity import caller
from funland_server.inference.answers import chat_response, generate_response
from funland_server.inference.defaults import begin_conversation
from funland_server.inference.embedding import embedded, texts_to_embed
from funland_server.inference.generation import Generations, conversation, from_prompt
from funland_server.inference.ranking import ranking
from funland_server.inference.rounds.chats import Chats
from funland_server.inference.showing import Showing
from funland_server.models.loading.loader import ModelLoader


class InferenceService:
    """Answers the RPCs of `InferenceService`; see `inference.proto`."""

    def __init__(
        self, generations: Generations, chats: Chats, loader: ModelLoader, showing: Showing
    ) -> None:
        self._generations = generations
        self._chats = chats
        self._loader = loader
        self._showing = showing

    async def Generate(
        self, request: inference_pb2.GenerateRequest
    ) -> inference_pb2.GenerateResponse:
        """See `inference.proto`."""
        done = await self._generations.complete(request.model, from_prompt(request))
        return generate_response(done)

    def StreamGenerate(
        self, request: inference_pb2.GenerateRequest
    ) -> AsyncGenerator[inference_pb2.GenerationEvent]:
        """See `inference.proto`."""
        return self._generations.stream(request.model, from_prompt(request))

    async def BatchGenerate(
        self, request: inference_pb2.BatchGenerateRequest
    ) -> inference_pb2.BatchGenerateResponse:
        """See `inference.proto`."""
        async with asyncio.TaskGroup() as group:  # if one meets a defect, the others end too
            tasks = [group.create_task(self._result(one)) for one in request.requests]
        return inference_pb2.BatchGenerateResponse(results=[task.result() for task in tasks])

    async def Chat(self, request: inference_pb2.ChatRequest) -> inference_pb2.ChatResponse:
        """See `inference.proto`."""
        return chat_response(await self._chats.complete(request))

    def StreamChat(
        self, request: inference_pb2.ChatRequest
    ) -> AsyncGenerator[inference_pb2.GenerationEvent]:
        """See `inference.proto`."""
        return self._chats.stream(request)

    async def ApplyTemplate(
        self, request: inference_pb2.ApplyTemplateRequest
    ) -> inference_pb2.ApplyTemplateResponse:
        """See `inference.proto`."""
        worker = await self._loader.worker(request.chat.model)
        chat = conversation(request.chat)
        begin_conversation(chat, self._loader.defaults(worker.model_id))
        await self._showing.fetch(chat, worker.model_id, worker.ready)
        prompt = await worker.render(chat)
        return inference_pb2.ApplyTemplateResponse(
            model=worker.model_id, prompt=prompt.text, tokens=prompt.tokens
        )

    async def Embed(self, request: inference_pb2.EmbedRequest) -> inference_pb2.EmbedResponse:
        """See `inference.proto`."""
        worker = await self._loader.worker(request.model)
        return embedded(worker, await worker.embed(texts_to_embed(request)))

    async def Rerank(self, request: inference_pb2.RerankRequest) -> inference_pb2.RerankResponse:
        """See `inference.proto`."""
        worker = await self._loader.worker(request.model)
        ranked = await worker.rank(
            worker_pb2.RankDocuments(query=request.query, documents=request.documents)
        )
        results = ranking(ranked.scores, cosines=ranked.cosines)
        tokens = ranked.prompt_tokens
        caller().count_tokens(tokens)
        return inference_pb2.RerankResponse(
            model=worker.model_id,
            results=results[: request.top_n or None],
            usage=inference_pb2.Usage(prompt_tokens=tokens, total_tokens=tokens),
            device_ids=worker.device_ids,
        )

    async def Tokenize(
        self, request: inference_pb2.TokenizeRequest
    ) -> inference_pb2.TokenizeResponse:
        """See `inference.proto`."""
        worker = await self._loader.worker(request.model)
        add_special = request.add_special if request.HasField("add_special") else True
        tokens = await worker.tokenize(
            worker_pb2.TokenizeText(
                text=request.text,
                add_special=add_special,
                parse_special=request.parse_special,
                with_pieces=request.with_pieces,
            )
        )
        return inference_pb2.TokenizeResponse(
            model=worker.model_id, tokens=tokens.tokens, pieces=tokens.pieces
        )

    async def Detokenize(
        self, request: inference_pb2.DetokenizeRequest
    ) -> inference_pb2.DetokenizeResponse:
        """See `inference.proto`."""
        worker = await self._loader.worker(request.model)
        text = await worker.detokenize(worker_pb2.Tokens(tokens=request.tokens))
        return inference_pb2.DetokenizeResponse(model=worker.model_id, text=text.text)

    async def GetTokenizer(
        self, request: inference_pb2.GetTokenizerRequest
    ) -> inference_pb2.Tokenizer:
        """See `inference.proto`."""
        worker = await self._loader.worker(request.model)
        tokenizer = inference_pb2.Tokenizer()
        tokenizer.CopyFrom(worker.ready.tokenizer)
        tokenizer.model = worker.model_id
        return tokenizer

    async def _result(self, request: inference_pb2.GenerateRequest) -> inference_pb2.BatchResult:
        """One request's text, or why there is none: the others go on."""
        try:
            return inference_pb2.BatchResult(response=await self.Generate(request))
        except FunlandError as error:
            return inference_pb2.BatchResult(error=error.to_wire())
