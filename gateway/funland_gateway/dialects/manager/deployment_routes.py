"""The part of the `manager` dialect's table that is of deployments, chats and completions."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Route
from funland_gateway.dialects.manager import answering, deployments
from funland_gateway.dialects.manager import deployment_schemas as schemas

_TAG: Final = "manager"
_ONE: Final = "/api/deployments/{deployment_id}"

DEPLOYMENT_ROUTES: Final = (
    Route(
        "POST",
        "/api/deployments/start",
        deployments.start,
        "Deploys a model, downloading it first if need be.",
        _TAG,
        request_schema=schemas.START_REQUEST,
        response_schema=schemas.ONE,
    ),
    Route(
        "PUT",
        f"{_ONE}/stop",
        deployments.stop,
        "Takes a deployment out of memory, and keeps it.",
        _TAG,
        response_schema=schemas.ONE,
    ),
    Route(
        "PUT",
        f"{_ONE}/restart",
        deployments.restart,
        "Starts a deployment anew.",
        _TAG,
        response_schema=schemas.ONE,
    ),
    Route(
        "GET",
        _ONE,
        deployments.get,
        "Tells how a deployment is.",
        _TAG,
        response_schema=schemas.ONE,
    ),
    Route(
        "DELETE",
        _ONE,
        deployments.delete,
        "Stops a deployment and forgets it.",
        _TAG,
        response_schema=schemas.DELETED,
    ),
    Route(
        "GET",
        "/api/deployments/list",
        deployments.list_all,
        "Lists the deployments, the newest first.",
        _TAG,
        response_schema=schemas.ALL,
        query=(deployments.STATUS,),
    ),
    Route(
        "GET",
        f"{_ONE}/logs",
        deployments.get_logs,
        "Gives the last lines of a deployment's log.",
        _TAG,
        response_schema=schemas.LOGS,
        query=(deployments.LINES,),
    ),
    Route(
        "GET",
        f"{_ONE}/health",
        deployments.get_health,
        "Asks each process of a deployment whether it answers.",
        _TAG,
        response_schema=schemas.HEALTH,
    ),
    Route(
        "POST",
        "/api/chat/{deployment_id}",
        answering.chat,
        "Chats with a deployment.",
        _TAG,
        request_schema=schemas.CHAT_REQUEST,
        response_schema=schemas.CHAT,
        streams=True,
    ),
    Route(
        "POST",
        "/api/completions/{deployment_id}",
        answering.complete,
        "Has a deployment go on with a text.",
        _TAG,
        request_schema=schemas.COMPLETION_REQUEST,
        response_schema=schemas.COMPLETION,
        streams=True,
    ),
    Route(
        "GET",
        f"{_ONE}/model-info",
        deployments.get_model,
        "Tells what is deployed.",
        _TAG,
        response_schema=schemas.MODEL_INFO,
    ),
)
