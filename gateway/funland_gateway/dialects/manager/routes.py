"""The `manager` dialect's table, as its document lists its endpoints.

What the document has of the machine's load and of deployments is not served yet.
"""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.manager import downloads, models, schemas, system, watching
from funland_gateway.dialects.manager.answers import PAGING
from funland_gateway.dialects.manager.errors import ENVELOPE

_TAG: Final = "manager"

MANAGER: Final = Dialect(
    name=_TAG,
    prefixes=("/api/models/", "/api/downloads/"),
    envelope=ENVELOPE,
    routes=(
        Route(
            "GET",
            "/health",
            system.get_health,
            "Tells how the server is.",
            _TAG,
            response_schema=schemas.HEALTH,
        ),
        Route(
            "GET",
            "/api/health",
            system.get_api_health,
            "Tells how the server is.",
            _TAG,
            response_schema=schemas.API_HEALTH,
        ),
        Route(
            "GET",
            "/api/models/search",
            models.search_models,
            "Searches the hubs.",
            _TAG,
            response_schema=schemas.MODELS,
            query=(models.QUERY, models.HUB, models.MODEL_TYPE, *PAGING),
        ),
        Route(
            "GET",
            "/api/models/{model_id}/info",
            models.get_model,
            "Tells all that a hub tells of a model.",
            _TAG,
            response_schema=schemas.MODEL,
            query=(models.HUB,),
        ),
        Route(
            "GET",
            "/api/models/categories",
            models.list_categories,
            "Lists the kinds of models, the most frequent first.",
            _TAG,
            response_schema=schemas.CATEGORIES,
            query=(models.HUB,),
        ),
        Route(
            "GET",
            "/api/models/trending",
            models.list_trending,
            "Lists the models in demand.",
            _TAG,
            response_schema=schemas.TRENDING,
            query=(models.LIMIT, models.HUB),
        ),
        Route(
            "GET",
            "/api/models/stats",
            models.get_statistics,
            "Counts what the local catalog holds.",
            _TAG,
            response_schema=schemas.STATISTICS,
        ),
        Route(
            "POST",
            "/api/models/{model_id}/favorite",
            models.add_favorite,
            "Makes a model a favorite.",
            _TAG,
            response_schema=schemas.FAVORITE,
            query=(models.HUB,),
        ),
        Route(
            "DELETE",
            "/api/models/{model_id}/favorite",
            models.remove_favorite,
            "Makes a model no favorite any more.",
            _TAG,
            response_schema=schemas.NO_FAVORITE,
            query=(models.HUB,),
        ),
        Route(
            "POST",
            "/api/models/sync",
            models.sync,
            "Refreshes the local catalog; answers when it is done.",
            _TAG,
            response_schema=schemas.SYNC,
        ),
        Route(
            "POST",
            "/api/downloads/start",
            downloads.start,
            "Starts to download a model.",
            _TAG,
            request_schema=schemas.START_REQUEST,
            response_schema=schemas.STARTED,
        ),
        Route(
            "PUT",
            "/api/downloads/{task_id}/pause",
            downloads.pause,
            "Stops a download for now.",
            _TAG,
            response_schema=schemas.ONE_TASK,
        ),
        Route(
            "PUT",
            "/api/downloads/{task_id}/resume",
            downloads.resume,
            "Lets a paused download go on.",
            _TAG,
            response_schema=schemas.ONE_TASK,
        ),
        Route(
            "PUT",
            "/api/downloads/{task_id}/cancel",
            downloads.cancel,
            "Ends a download and removes what was fetched.",
            _TAG,
            response_schema=schemas.ONE_TASK,
        ),
        Route(
            "GET",
            "/api/downloads/{task_id}",
            downloads.get_task,
            "Tells how a download is.",
            _TAG,
            response_schema=schemas.ONE_TASK,
        ),
        Route(
            "DELETE",
            "/api/downloads/{task_id}",
            downloads.delete,
            "Removes a download from the list.",
            _TAG,
            response_schema=schemas.DELETED,
        ),
        Route(
            "GET",
            "/api/downloads/list",
            downloads.list_tasks,
            "Lists the downloads, the newest first.",
            _TAG,
            response_schema=schemas.TASKS,
            query=(downloads.STATUS, *PAGING),
        ),
        Route(
            "GET",
            "/api/downloads/queue",
            downloads.get_queue,
            "Tells how many downloads there are.",
            _TAG,
            response_schema=schemas.QUEUE,
        ),
        Route(
            "GET",
            "/api/downloads/storage",
            downloads.get_storage,
            "Tells what models take of the disk.",
            _TAG,
            response_schema=schemas.STORAGE,
        ),
        Route(
            "GET",
            "/ws/downloads",
            watching.watch_downloads,
            "Pushes downloads as they change, over a WebSocket.",
            _TAG,
            upgrades=True,
            description=watching.DESCRIPTION,
        ),
    ),
)
