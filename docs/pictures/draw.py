#!/usr/bin/env python3
"""Draws docs/pictures/messages.*.png from the files of tests/golden_messages.

They show what quotafuse sends, laid out as the chats lay it out: drawings, no screenshots of the
services. Needs chromium and a font with Chinese (fonts-noto-cjk).
Run it anew after a change of those files: docs/pictures/draw.py
"""

import base64
import html
import json
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden_messages"
PICTURES = ROOT / "docs" / "pictures"
MESSAGES = ["firing", "resolved"]
NAMES = {"telegram": "Telegram", "feishu": "Feishu / Lark", "wecom": "WeCom", "dingtalk": "DingTalk",
         "smtp": "Mail", "webhook": "Webhook, exec", "console": "Console"}

# Drawn, so that no font with emoji is needed.
SIGNS = {"🔴": '<span class="dot"></span>', "✅": '<span class="tick">✓</span>'}
HEIGHT = 3260
MOST_JSON = 34  # lines

STYLE = """
body { font: 14px/1.45 "Noto Sans CJK SC", "Noto Sans", "Noto Color Emoji", sans-serif; margin: 0;
       padding: 20px; width: 1240px; background: #eceff3; color: #1d2129; }
.grid { display: grid; grid-template-columns: 1fr 1fr; gap: 18px; align-items: start; }
h2 { font-size: 13px; margin: 0 0 6px; color: #5a6270; font-weight: 600; }
.bubble { background: #fff; border-radius: 10px; padding: 12px 14px; overflow-wrap: anywhere;
          box-shadow: 0 1px 2px #0002; }
.bubble code { font-family: "Noto Sans Mono", "DejaVu Sans Mono", monospace; font-size: 12.5px;
               color: #8a2432; }
.bubble a { color: #1468c8; text-decoration: none; }
.bubble p { margin: 6px 0; } .bubble ul { margin: 4px 0; padding-left: 20px; }
.bubble h4 { margin: 0 0 6px; font-size: 15px; }
.bubble blockquote { margin: 0; padding-left: 8px; border-left: 3px solid #d5d9e0; color: #666; }
.card { padding: 0; overflow: hidden; } .card .head { padding: 10px 14px; font-weight: 600; }
.card .body { padding: 10px 14px; } .card hr { border: 0; border-top: 1px solid #e3e6ea; }
.button { display: inline-block; border: 1px solid #c9cdd4; border-radius: 6px; padding: 3px 12px;
          margin: 4px 0; }
.red { background: #fde2e2; color: #b3261e; } .green { background: #dff5e3; color: #1b7f3b; }
.subject { border-bottom: 1px solid #e3e6ea; padding-bottom: 6px; margin-bottom: 8px; color: #555; }
.dot { display: inline-block; width: 12px; height: 12px; border-radius: 6px; background: #e03131;
       vertical-align: -1px; }
.tick { background: #2f9e44; color: #fff; border-radius: 3px; padding: 0 3px; font-size: 11px; }
.bubble pre { margin: 0; font: 11.5px/1.4 "Noto Sans Mono CJK SC", "Noto Sans Mono", monospace;
              white-space: pre-wrap; }
.note { margin-top: 14px; color: #6b7380; font-size: 12px; }
"""


GAP = '<div style="height: 8px"></div>'


def sections(path):
    """The renderings of one file by their provider."""
    parts = re.split(r"^======== (\w+)\n", path.read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def inline(text):
    """Markdown within a line; tags of the service's own (<font>) stay."""
    text = re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r'<a href="\2">\1</a>', text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", text)
    text = text.replace('<font color="warning">', '<span style="color:#d9480f">')
    text = text.replace('<font color="info">', '<span style="color:#1b7f3b">')
    text = text.replace('<font color="comment">', '<span style="color:#8a919c">')
    return text.replace("</font>", "</span>")


def markdown(text, merge=False):
    """`merge`: lines that are empty but for the space between blocks show none of their own."""
    shown = []
    for line in (one.strip() for one in text.strip().split("\n")):
        if merge and not line:
            if shown and shown[-1] != GAP:
                shown.append(GAP)
            continue
        if heading := re.match(r"#+ (.*)", line):
            shown.append(f"<h4>{inline(heading[1])}</h4>")
        elif line.startswith("> "):
            shown.append(f"<blockquote>{inline(line[2:])}</blockquote>")
        elif line.startswith("- "):
            shown.append(f"<ul><li>{inline(line[2:])}</li></ul>")
        else:
            shown.append(f"<div>{inline(line) or '&nbsp;'}</div>")
    return "".join(shown).replace("</ul><ul>", "")


def telegram(text):
    return f'<div class="bubble">{text.strip().replace(chr(10), "<br>")}</div>'


def feishu(text):
    card = json.loads(text)
    body = []
    for element in card["body"]["elements"]:
        if element["tag"] == "hr":
            body.append("<hr>")
        elif element["tag"] == "button":
            body.append(f'<span class="button">{html.escape(element["text"]["content"])}</span>')
        else:
            body.append(f"<p>{inline(element['content'].strip()).replace(chr(10), '<br>')}</p>")
    head = html.escape(card["header"]["title"]["content"])
    return (f'<div class="bubble card"><div class="head {card["header"]["template"]}">{head}</div>'
            f'<div class="body">{"".join(body)}</div></div>')


def wecom(text):
    return f'<div class="bubble">{markdown(text)}</div>'


def dingtalk(text):
    return f'<div class="bubble">{markdown(text.split(chr(10), 1)[1], merge=True)}</div>'


def smtp(text):
    subject = re.search(r"^Subject: (.*(?:\n .*)*)", text, flags=re.M)[1]
    subject = re.sub(r"=\?UTF-8\?B\?([^?]*)\?=\s*",
                     lambda word: base64.b64decode(word[1]).decode("utf-8"), subject)
    body = re.search(r"<body[^>]*>(.*)</body>", text, flags=re.S)[1]
    return (f'<div class="bubble"><div class="subject"><b>{html.escape(subject)}</b></div>'
            f"{body}</div>")


def webhook(text):
    lines = text.strip().split("\n")
    shown = lines[:MOST_JSON] + (["  …"] if len(lines) > MOST_JSON else [])
    return f'<div class="bubble"><pre>{html.escape(chr(10).join(shown))}</pre></div>'


def console(text):
    return f'<div class="bubble"><pre>{html.escape(text.strip())}</pre></div>'


DRAWN = {"telegram": telegram, "feishu": feishu, "wecom": wecom, "dingtalk": dingtalk, "smtp": smtp,
         "webhook": webhook, "console": console}


def page(language):
    cells = []
    renderings = [sections(GOLDEN / f"{name}.{language}.txt") for name in MESSAGES]
    for provider, draw in DRAWN.items():
        for one in renderings:
            cells.append(f"<div><h2>{NAMES[provider]}</h2>{draw(one[provider])}</div>")
    note = ("按 tests/golden_messages 中的发送内容绘制，并非各应用的截图" if language == "zh" else
            "Drawn from what is sent (tests/golden_messages): no screenshots of the services")
    body = f'<div class="grid">{"".join(cells)}</div><div class="note">{note}</div>'
    for sign, drawn in SIGNS.items():
        body = body.replace(sign, drawn)
    return (f'<!DOCTYPE html><html><head><meta charset="utf-8"><style>{STYLE}</style></head>'
            f"<body>{body}</body></html>")


def main():
    for language in ("zh", "en"):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "page.html"
            source.write_text(page(language), "utf-8")
            subprocess.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                 f"--user-data-dir={folder}/profile", f"--window-size=1280,{HEIGHT}",
                 f"--screenshot={PICTURES / f'messages.{language}.png'}", source.as_uri()],
                check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
