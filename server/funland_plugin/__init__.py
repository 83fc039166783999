"""What a plugin's code imports.

A plugin is a folder with `plugin.toml` and Python code, whose function `entry` names:

```python
from typing import Any

from funland_plugin import Context


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    context.progress(50, "reading")
    return {"length": len(input["text"])}
```

docs/plugins.md tells the rest.
"""

from __future__ import annotations

from funland_plugin.asking import Answer, Fetched
from funland_plugin.context import Context
from funland_plugin.errors import AskError, DeniedError, LimitError
from funland_plugin.media import Heard, Picture, Segment, Sound, Word

__all__ = [
    "Answer",
    "AskError",
    "Context",
    "DeniedError",
    "Fetched",
    "Heard",
    "LimitError",
    "Picture",
    "Segment",
    "Sound",
    "Word",
]
