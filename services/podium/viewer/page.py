"""Pages with the viewer: one that a server sends, and a self-contained one.

Modules import each other by names such as ``podium/cursor.js``; an import map maps these to
addresses of the server, or to ``data:`` addresses inside the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from podium.viewer.assets import modules, plotly_js, style

MAX_EMBEDDED_VIDEO_BYTES = 2 << 20
"""Larger videos are not embedded in a page; the user chooses the file."""

_START = """import { openViewer } from "podium/viewer.js";
const given = JSON.parse(document.getElementById("motion").textContent);
const root = document.getElementById("viewer");
const { video, language } = root.dataset;
openViewer(root, given, { videoUrl: video || null, language });
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """Addresses of the results of one clip.

    Args:
        motion: Of ``motion.json``.
        video: None: there is no video.
        name: For people, where two trials are compared.
    """

    motion: str
    video: str | None
    name: str = ""


def served_page(
    title: str,
    trial: Trial,
    *,
    assets: str,
    other: Trial | None = None,
    corrections: str | None = None,
    origins: Sequence[str] = (),
) -> tuple[str, str]:
    """A page whose parts come from the server that sends it.

    Args:
        title: Title of the page.
        trial: What is shown.
        assets: Path below which the modules, ``viewer.css`` and ``plotly.js`` are served.
        other: With what it is compared.
        corrections: Address that measures corrections; None: they can only be saved as a file.
        origins: Other servers of motion and video, such as an object store.

    Returns:
        The HTML, and the value of its ``Content-Security-Policy`` header, which allows only the
        server and these origins.
    """
    sources = " ".join(("'self'", *origins))
    addresses = {
        "motion": trial.motion,
        "video": trial.video,
        "name": trial.name,
        "corrections": corrections,
        "other-motion": other and other.motion,
        "other-video": other and other.video,
        "other-name": other and other.name,
        "plotly": f"{assets}/plotly.js",
    }
    data = " ".join(f'data-{name}="{escape(at)}"' for name, at in addresses.items() if at)
    names = {name: f"{assets}/{name}" for name in modules()}
    import_map = json.dumps({"imports": names})
    policy = (
        f"default-src 'none'; script-src 'self' {_hash(import_map)}; style-src 'self' "
        f"'unsafe-inline'; img-src 'self' data: blob:; media-src {sources} blob:; "
        f"connect-src {sources}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )  # plotly.js sets styles of elements
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
  body {{ margin: 0; color-scheme: light dark; background: light-dark(#f4f6f8, #10161d); }}
</style>
<link rel="stylesheet" href="{escape(assets)}/viewer.css">
<script type="importmap">{import_map}</script>
<link rel="preload" as="script" href="{escape(assets)}/plotly.js">
<script type="module" src="{escape(assets)}/podium/start.js"></script>
</head>
<body>
<main class="viewer" id="viewer" {data}>
<noscript>The viewer needs JavaScript; report.html has the same numbers without it.</noscript>
</main>
</body>
</html>
"""
    return html, policy


def embedded_viewer(motion_json: Iterable[str], *, video: bytes | None = None) -> Iterator[str]:
    """The viewer as a part of a page that works from a file, without a network, piece by piece.

    Args:
        motion_json: Content of ``motion.json``, in pieces.
        video: An MP4 to embed; ignored if it is larger than ``MAX_EMBEDDED_VIDEO_BYTES``.
    """
    names = {name: _data_url("text/javascript", text.encode()) for name, text in modules().items()}
    source = ""
    if video is not None and len(video) <= MAX_EMBEDDED_VIDEO_BYTES:
        source = _data_url("video/mp4", video)
    yield f"<style>{style()}</style>\n"
    yield f'<script type="importmap">{_inline_json(json.dumps({"imports": names}))}</script>\n'
    yield '<script type="application/json" id="motion">'
    yield from map(_inline_json, motion_json)
    yield f"</script>\n<script>{_inline_script(plotly_js())}</script>\n"
    yield f'<div class="viewer" id="viewer" data-video="{source}"></div>\n'
    yield f'<script type="module">{_START}</script>\n'


def _data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _inline_json(text: str) -> str:
    """Escape a piece of JSON so that it cannot end its script element."""
    return text.replace("<", "\\u003c")


def _inline_script(text: str) -> str:
    """Escape JavaScript so that it cannot end its script element."""
    return text.replace("</script", "<\\/script")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
