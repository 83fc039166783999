"""All that a hub tells of one model."""

from __future__ import annotations

from dataclasses import dataclass

from funland.v1.hub_pb2 import GetHubModelRequest, HubModel
from funland.v1.models_pb2 import Origin
from funland_server.errors import FieldInvalidError, FunlandError, Violation
from funland_server.hub.clients.ollama_answers import is_digest
from funland_server.hub.knowledge import Knowledge, Told
from funland_server.hub.names import is_ollama_tag, revision_complaint
from funland_server.hub.presenting import Presenting


@dataclass(frozen=True, slots=True)
class Details:
    """Answers with what the hub says, else with what is known of it here."""

    knowledge: Knowledge
    presenting: Presenting

    async def get(self, request: GetHubModelRequest) -> HubModel:
        """See `HubService.GetHubModel`."""
        hubs = self.knowledge.hubs_for(request.hub, request.model_id)
        check_revision(hubs[0].kind, request.revision)
        told = await self.knowledge.tell(hubs, request.model_id, request.revision)
        entry = told.entry
        (model,) = await self.presenting.models([entry.model], {entry.key: entry})
        model.card = await self._card(told)
        return model

    async def _card(self, told: Told) -> str:
        """The card, if its hub gives it: a model without is one all the same."""
        if told.error is not None:
            return ""
        try:
            return await told.hub.card(told.listing)
        except FunlandError:
            return ""


def check_revision(hub: Origin.Hub.ValueType, revision: str) -> None:
    """Raises FieldInvalidError for what is no revision on a hub."""
    if not revision:
        return
    if hub == Origin.OLLAMA:
        why = None if is_ollama_tag(revision) or is_digest(revision) else "is no tag or digest"
    else:
        why = revision_complaint(revision)
    if why:
        raise FieldInvalidError([Violation("revision", why)])
