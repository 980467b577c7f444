"""A headless Chromium, driven through chromedriver by the W3C WebDriver protocol, which is plain HTTP and JSON.

It exists so that sign-ins pass through a real browser: its redirects, its cookies, its idea of localhost. It refuses to use a
profile, a cache or a cookie of any other run, and to talk to the world: nothing of it updates or phones home.
"""

import base64
import json
import os
import re
import urllib.error
import urllib.request

from .processes import Part, wait_until

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name that the standard gives to a reference to an element


class WebDriverError(Exception):
    def __init__(self, value):
        super().__init__(f"{value.get('error')}: {value.get('message', '').splitlines()[0]}")
        self.code = value.get("error")


class Chromium:
    def __init__(self, folder, elsewhere=False):
        """`elsewhere`: as on another machine, whose localhost is not this one's."""
        name, arguments = "chromium", ARGUMENTS
        if elsewhere:
            name, arguments = "chromium-elsewhere", (*ARGUMENTS, "--host-resolver-rules=MAP localhost 127.0.0.254")
        temporary = folder / f"{name}.tmp"
        temporary.mkdir()
        environment = {**os.environ, "TMPDIR": str(temporary)}
        self.part = Part("chromedriver", ["chromedriver", "--port=0"], folder / f"{name}.log", env=environment)
        self.session = None
        self.part.wait_ready(self._port)
        profile = folder / name
        options = {"binary": "/usr/bin/chromium", "args": [*arguments, f"--user-data-dir={profile}"]}
        logs = {"browser": "ALL"}
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": logs, "timeouts": {"pageLoad": 30_000}}}
        self.session = self._ask("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def _port(self):
        started = re.search(r"started successfully on port (\d+)", self.part.said())
        return started and int(started[1])

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    @property
    def url(self):
        return self._ask("GET", "/url")

    @property
    def source(self):
        return self._ask("GET", "/source")

    def find(self, selector):
        """The first element for a CSS selector on the page as it is now, or None."""
        try:
            return self._ask("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
        except WebDriverError as error:
            if error.code in ("no such element", "stale element reference"):
                return None
            raise

    def type(self, selector, text):
        self._does("POST", selector, "/value", {"text": text})

    def click(self, selector):
        self._does("POST", selector, "/click", {})

    def text(self, selector):
        return self._does("GET", selector, "/text")

    def attribute(self, selector, name):
        return self._does("GET", selector, f"/property/{name}")

    def _does(self, method, selector, what, *arguments):
        """With the element that is there. One that a page puts in its place meanwhile is as good, as for a person."""
        for _ in range(20):
            try:
                return self._ask(method, f"/element/{self.wait_for(selector)}{what}", *arguments)
            except WebDriverError as error:
                if error.code != "stale element reference":
                    raise
        raise AssertionError(f"{selector} is another one each time")

    def style(self, selector, name):
        return self._ask("GET", f"/element/{self.wait_for(selector)}/css/{name}")

    def until_text(self, selector, words, seconds=20.0):
        """Waits until an element says so."""

        def says():
            try:
                element = self.find(selector)
                return element and words in self._ask("GET", f"/element/{element}/text")
            except WebDriverError as error:
                if error.code == "stale element reference":
                    return False
                raise

        try:
            return wait_until(f"{words!r} in the browser", says, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it shows {self.url}:\n{self.source[:3000]}") from None

    def until_gone(self, selector, seconds=20.0):
        wait_until(f"{selector} to go", lambda: not self.find(selector), seconds)

    def press(self, key):
        keys = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})

    def active_text(self):
        return self._ask("GET", f"/element/{self._ask('GET', '/element/active')[ELEMENT]}/text")

    def prefer(self, scheme):
        """As a person who set the system to "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def on_a_desk(self):
        """As wide as a window that a person has."""
        self._ask("POST", "/window/rect", {"width": 1280, "height": 1400})

    def screenshot(self, file):
        self.on_a_desk()
        file.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def seen(self):
        """What of the page is to be read."""
        return self._ask("POST", "/execute/sync", {"script": "return document.body.innerText", "args": []})

    def wider(self):
        """The headings of the tables that have to be moved aside to be read."""
        wide = "[...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText.split('\\n')[0])"
        return self._ask("POST", "/execute/sync", {"script": f"return {wide}", "args": []})

    def whole(self):
        """A picture of the page from its top to its end, however long it is."""
        def devtools(command, **parameters):
            return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

        size = {"width": 1280, "deviceScaleFactor": 1, "mobile": False}
        devtools("Emulation.setDeviceMetricsOverride", height=100, **size)
        height = int(devtools("Page.getLayoutMetrics")["cssContentSize"]["height"])
        devtools("Emulation.setDeviceMetricsOverride", height=height, **size)
        image = base64.b64decode(self._ask("GET", "/screenshot"))
        devtools("Emulation.clearDeviceMetricsOverride")
        return image

    def troubles(self):
        """What the browser complained about since somebody last asked: scripts, the content policy, files that are missing."""
        return [f"{line['level']}: {line['message']}" for line in self._ask("POST", "/se/log", {"type": "browser"})]

    def forget_cookies(self):
        self._ask("DELETE", "/cookie")

    @property
    def window(self):
        return self._ask("GET", "/window")

    def new_window(self):
        made = self._ask("POST", "/window/new", {"type": "tab"})["handle"]
        self._ask("POST", "/window", {"handle": made})

    def close_window(self, then):
        self._ask("DELETE", "/window")
        self._ask("POST", "/window", {"handle": then})

    def wait_for(self, selector, seconds=20.0):
        try:
            return wait_until(f"{selector} in the browser", lambda: self.find(selector), seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it shows {self.url}:\n{self.source[:2000]}") from None

    def _ask(self, method, path, body=None):
        base = f"http://127.0.0.1:{self._port()}"
        if self.session:
            base += f"/session/{self.session}"
        request = urllib.request.Request(
            base + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise WebDriverError(json.load(error)["value"]) from None

    def stop(self):
        try:
            if self.session:
                self._ask("DELETE", "")
        except (OSError, WebDriverError):
            pass  # its process is ended all the same
        finally:
            self.part.stop()
