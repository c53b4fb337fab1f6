"""Sphinx: MyST pages, the Furo theme, and tables generated from the code so that they cannot go stale."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Tinygram"
author = "The Tinygram authors"
project_copyright = "The Tinygram authors"
version = release = installed("tinygram")

extensions = ["myst_parser", "sphinx.ext.autodoc", "generated"]
exclude_patterns = ["_build"]
nitpicky = False

myst_enable_extensions = ["deflist", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "signature"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "Tinygram"
html_static_path = ["_static"]
html_copy_source = False
html_theme_options = {"source_view_link": ""}
pygments_style = "friendly"
