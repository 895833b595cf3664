"""The computational graph as an SVG picture: forward values in the boxes, local derivatives on the edges, and the
cotangents of the backward pass in another color."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from oracle.explain.derive import Derivation, Edge
from oracle.explain.layout import Box, Layout, lay_out
from oracle.explain.numbers import show
from oracle.explain.text import slope

CHARACTER = 7.8
"""Width of a character at 13 px in the fonts asked for, with a little room."""

LINE, PADDING, MARGIN = 19, 12, 24

LONGEST_LABEL = 34
"""Characters of a line in a box or on an edge; the rest is cut."""

STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de } .box { fill: #f6f8fa; stroke: #57606a } .input { fill: #ddf4ff; stroke: #0969da }
  .edge { stroke: #57606a; fill: none; stroke-width: 1.4 } .tip { fill: #57606a }
  .back { stroke: #bc4c00; fill: none; stroke-width: 1.4; stroke-dasharray: 5 4 } .backtip { fill: #bc4c00 }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328 }
  .name { font-weight: bold } .local { fill: #57606a } .cotangent { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #30363d } .box { fill: #161b22; stroke: #8b949e } .input { fill: #0c2d6b; stroke: #58a6ff }
    .edge { stroke: #8b949e } .tip { fill: #8b949e } .back { stroke: #f0883e } .backtip { fill: #f0883e }
    text { fill: #e6edf3 } .local { fill: #9da7b3 } .cotangent { fill: #f0883e }
  }
"""
