"""A small knowledge base with real vectors, made by the same service as any other."""

from pathlib import Path
from tempfile import TemporaryDirectory

from chat.ingest.source import ReadOptions
from chat.models import Collection
from chat.services.configs import ensure_default_config
from chat.services.ingestion import ingest_paths

PUMP = """# Pump manual

## Starting the pump

Press the green button for three seconds to start the pump. The lamp turns green when it runs.

## Stopping the pump

Press the red button once to stop the pump. Never pull the plug while it runs.

## Cleaning

Clean the filter of the pump every four weeks with warm water.
"""
VALVE = "# Valve manual\n\nThe valve is opened by turning the wheel to the left. It closes by itself after an hour.\n"


def make_knowledge(name: str = "manuals") -> Collection:
    """Return a collection of two manuals, and make the default config."""
    ensure_default_config()
    with TemporaryDirectory() as folder:
        (Path(folder) / "pump.md").write_text(PUMP)
        (Path(folder) / "valve.md").write_text(VALVE)
        ingest_paths(paths=[Path(folder)], collection_name=name, options=ReadOptions())
    return Collection.objects.get(name=name)
