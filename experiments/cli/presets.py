"""`tinygram presets` and `tinygram schema`: what there is to start from."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from experiments.cli.common import Json, say, say_json


def register(app: App) -> None:
    """Add the commands of this module."""
    app.command(presets)
    app.command(schema)


def presets(
    name: Annotated[str | None, Parameter(help="Print this preset's commented TOML.")] = None, /, *, json: Json = False
) -> None:
    """List the presets, or print one to start a scenario file from."""
    from experiments.files import preset_names, preset_text, preset_title

    if name is not None:
        text = preset_text(name)
        if json:
            say_json({"name": name, "title": preset_title(name), "toml": text})
        else:
            say(text)
        return
    titles = {preset: preset_title(preset) for preset in preset_names()}
    if json:
        say_json([{"name": preset, "title": title} for preset, title in titles.items()])
        return
    width = max(map(len, titles))
    say("\n".join(f"{preset:<{width}}  {title}" for preset, title in titles.items()))


def schema() -> None:
    """Print the JSON Schema of scenario files, for editors that complete and check TOML."""
    from experiments.files import json_schema

    say_json(json_schema())
