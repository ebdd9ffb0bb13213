"""A page in headless Chromium, as a reader meets it: sizes, dark mode, keys, paper. Spoken to over a pipe, no port."""

from __future__ import annotations

import base64
import json
import os
import re
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync --remote-debugging-pipe"
).split()
# What a page must not do is noted before any of it is read
_WATCH = """
window.alerted = false; window.alert = () => { window.alerted = true; };
window.refused = [];
document.addEventListener("securitypolicyviolation", event => refused.push(event.violatedDirective));
"""
_KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "ArrowRight": (39, "")}  # code and text of each
_PATIENCE = 300  # seconds without a word: Chromium hangs


class Browser:
    """One tab.

    Attributes:
        requests: addresses that the page asked for, but for itself and for data that it carries.
    """

    def __init__(self, profile: Path) -> None:
        theirs, self._to = os.pipe()
        self._from, ours = os.pipe()
        # Chromium reads its orders from file descriptor 3 and answers on 4
        command = f'exec "$0" "$@" 3<&{theirs} 4>&{ours}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(theirs, ours),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(ours)
        self._session, self._number, self._rest, self._events, self.requests = "", 0, b"", [], []
        target = next(one["targetId"] for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)
        self._process.terminate()
        self._process.wait()
        os.close(self._from)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], _PATIENCE)[0]:
                raise TimeoutError("Chromium says nothing")
            part = os.read(self._from, 1 << 20)
            if not part:
                raise EOFError("Chromium has ended")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        told = json.loads(message)
        if told.get("method") == "Network.requestWillBeSent":
            self.requests.append(told["params"]["request"]["url"])
        return told

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One order of the DevTools protocol, and its answer."""
        self._number += 1
        order = {"id": self._number, "method": method, "params": params}
        order |= {"sessionId": self._session} if self._session else {}
        os.write(self._to, json.dumps(order).encode() + b"\0")
        while (told := self._read()).get("id") != self._number:
            self._events.append(told.get("method"))
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']['message']}")
        return told["result"]

    def open(self, path: Path, width: int = 1280, height: int = 800, scheme: str = "light") -> None:
        """Load a file at a size of the window, in light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._events = []
        self.call("Page.navigate", url=path.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._events.append(self._read().get("method"))
        self.requests = [url for url in self.requests if not url.startswith("data:") and url != path.as_uri()]

    def run(self, code: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description", "thrown"))
        return found["result"].get("value")

    def press(self, key: str, times: int = 1) -> None:
        """Press a key of the keyboard."""
        code, text = _KEYS[key]
        for _ in range(times):
            about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
            self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def paper(self) -> tuple[bytes, int]:
        """The page printed: PDF, and its number of sheets."""
        told = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        pdf = base64.b64decode(told["data"])
        return pdf, len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
