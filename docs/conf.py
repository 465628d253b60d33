"""How Sphinx builds the documentation: ``sphinx-build -W --keep-going docs docs/_build``."""

import sys
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.logging import getLogger

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout's package, whichever is installed

import medrec

project = "medrec"
author = "the medrec developers"
copyright = author
version = release = medrec.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# A room's page lists what the room exports: autosummary takes __all__ at its word.
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"  # the docstrings say types, with shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# A reference to a name of ours that does not exist is an error; names of other packages are not looked up.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!medrec\.).*")]

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"medrec {version}"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1a5fa8", "color-brand-content": "#1a5fa8"},
    "dark_css_variables": {"color-brand-primary": "#7db8f0", "color-brand-content": "#7db8f0"},
}
html_static_path = ["_static"]
html_css_files = ["medrec.css"]
html_copy_source = False
html_show_sourcelink = False


def setup(app):
    app.connect("autodoc-skip-member", skip_inherited)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    return {"parallel_read_safe": True}


def skip_inherited(app, kind, name, thing, skip, options):
    """Members that a class has from scikit-learn are documented there."""
    module = getattr(thing, "__module__", None) or "medrec"
    return skip or name.endswith("_request") or not module.startswith("medrec")


def inline_math(translator, node):
    """Formulas as MathML, which browsers draw by themselves: the pages need no network."""
    translator.body.append(mathml(node, as_block=False))
    raise nodes.SkipNode


def block_math(translator, node):
    translator.body.append(mathml(node, as_block=True))
    raise nodes.SkipNode


def mathml(node, as_block):
    tex = node.astext().replace(r"\dots", r"\ldots").replace(r"\Big", "")  # docutils knows neither
    try:
        return tex2mathml(tex, as_block=as_block)
    except MathError as error:
        getLogger(__name__).warning("formula %s: %s", tex, error, location=node)
        return escape(tex)
