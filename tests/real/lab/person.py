"""The person at the browser: reads what a page asks for and does it, until the sign-in is through.

It exists so that the tests say who signs in where, and nothing about pages. It refuses to answer a page it does not know.
"""

from .processes import wait_until


class Person:
    def __init__(self, browser, name, password):
        self.browser = browser
        self.name = name
        self.password = password

    def approve_device(self, url, code):
        """Types the code that a device shows, and signs in. Returns once the server says that all is done."""
        self.browser.open(url)
        self.browser.type("input[name=user_code]", code)
        self.browser.click("#submit")
        shown = self.browser.text("#code")
        assert shown == code, f"the page asks about the code {shown!r}, the device showed {code!r}"
        self.browser.click("#submit")
        self._sign_in()
        self.browser.wait_for("#done")

    def authorize(self, url, redirect):
        """Signs in at an authorize page, and returns the URL that the browser was sent to: one that begins with `redirect`."""
        self.browser.open(url)
        self._sign_in()
        try:
            return wait_until(f"the way back to {redirect}", lambda: self._is_at(redirect))
        except TimeoutError as error:
            raise AssertionError(f"{error}; the browser shows {self.browser.url}:\n{self.browser.source[:2000]}") from None

    def _sign_in(self):
        self.browser.type("#username", self.name)
        self.browser.type("#password", self.password)
        self.browser.click("#submit")

    def _is_at(self, redirect):
        url = self.browser.url
        return url if url.startswith(redirect) else None
