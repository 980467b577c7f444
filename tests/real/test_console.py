"""The console in a real browser: the way in, signing in by each flow, both languages, both themes.

It exists because a page is only right once a browser has drawn it: cookies, redirects, the content policy, the script that keeps it
fresh. It refuses to look at markup where what is seen will do.
"""

import re

from bench import RealTest
from lab.password import hashed
from lab.lab import BOB, CAROL, DAVE

# A device that is being set up: what it sends stays on hold.
COMMISSIONING = """
[[client]]
name = "new copier"
account = "{account}"
login = "commissioning"
password = "{password}"
capture = true
"""
READY, NEEDED = "✓ ready", "✗ sign-in needed"


class Console(RealTest):
    def setUp(self):
        super().setUp()
        self.daemon, self.browser = self.bench.fresh_daemon, self.bench.browser
        self.enter()

    def enter(self):
        said = self.daemon.command("console").stdout
        self.home = re.search(r"http://[^/\s]+", said)[0]
        self.browser.open(re.search(r"http://\S+", said)[0])
        self.browser.open(f"{self.home}/?lang=en")
        self.assertEqual(self.browser.text("h1"), "Overview")

    def signed_out(self, account):
        self.daemon.command("logout", account, "--yes")
        page = f"{self.home}/accounts/{account.replace('@', '%40')}"
        self.browser.open(page)
        # The daemon looks at its store once a second.
        self.browser.until_text("main", NEEDED)
        return page

    def begin(self, flow):
        self.browser.click(f"form:has(input[value={flow}]) button")

    def provider(self):
        return self.browser.attribute("section a[target=_blank]", "href")

    def assert_signed_in(self, page, account):
        self.browser.open(page)
        self.browser.until_text("main", "✓ Signed in")
        self.browser.click("section[role=status] form button")
        self.browser.until_gone("section[role=status]")
        self.browser.open(self.home)
        self.browser.until_text(f"tr:has(a[href*='{account.split('@')[0]}'])", READY)
        with self.imap() as imap:
            imap.login(account, self.password)
            self.assertEqual(imap.select("INBOX")[0], "OK")

    def test_a_browser_signs_in_and_the_account_turns_green(self):
        page = self.signed_out(CAROL)
        self.begin("browser")
        url = self.provider()
        self.bench.person(CAROL).authorize(url, "http://localhost:")
        self.assert_signed_in(page, CAROL)

    def test_a_page_that_waits_turns_green_by_itself(self):
        page = self.signed_out(BOB)
        self.begin("device")
        url, code = self.provider(), self.browser.text("p.code")
        self.assertTrue(self.browser.find("div.qr svg"), "the code has a picture")
        waiting = self.browser.window
        self.browser.new_window()
        self.bench.person(BOB).approve_device(url, code)
        self.browser.close_window(waiting)
        self.browser.until_text("main", "✓ Signed in")
        self.assert_signed_in(page, BOB)

    def test_an_address_pasted_from_another_machine(self):
        page = self.signed_out(DAVE)
        self.begin("browser")
        url = self.provider()
        # The browser there shows an error, and the person copies the address out of it.
        back = self.bench.person(DAVE, self.bench.browser_elsewhere).authorize(url, "http://localhost:")
        self.browser.type("#answer", back.replace("state=", "state=x"))
        self.browser.click("form:has(#answer) button")
        self.assertIn("another sign-in", self.browser.text("p[role=alert]"))
        self.browser.type("#answer", back)
        self.browser.click("form:has(#answer) button")
        self.assert_signed_in(page, DAVE)

    def test_both_languages_and_both_themes(self):
        paper = {}
        self.browser.troubles()
        for scheme in "light", "dark":
            self.browser.prefer(scheme)
            for lang, title in ("en", "Overview"), ("ja", "概要"):
                self.browser.open(f"{self.home}/?lang={lang}")
                self.assertEqual(self.browser.text("h1"), title)
                self.browser.screenshot(self.bench.folder / f"console-{scheme}-{lang}.png")
            paper[scheme] = self.browser.style("body", "background-color")
        self.assertNotEqual(paper["light"], paper["dark"])
        self.browser.open(f"{self.home}/?lang=en")
        self.assertEqual(self.browser.troubles(), [], "the browser has nothing to complain about")

    def test_a_captured_message_is_looked_at_and_dropped_after_a_question(self):
        with self.daemon.config.open("a") as file:
            file.write(COMMISSIONING.format(account=CAROL, password=hashed(self.daemon.binary, self.password)))
        self.daemon.restart()
        self.enter()
        with self.smtp() as smtp:
            smtp.login("commissioning", self.password)
            smtp.sendmail(CAROL, [BOB], f"From: {CAROL}\r\nTo: {BOB}\r\nSubject: <b>first scan</b>\r\n\r\nx\r\n")
        self.browser.troubles()
        self.browser.open(f"{self.home}/clients")
        self.browser.until_text("tr:has(a[href='/clients/new%20copier'])", "✓ well")
        self.browser.open(f"{self.home}/queue?client=new+copier")
        self.assertIn("captured", self.browser.text("tbody td"))
        for scheme in "light", "dark":
            self.browser.prefer(scheme)
            self.browser.screenshot(self.bench.folder / f"queue-{scheme}.png")
        self.browser.click("tbody th a")
        self.assertIn("Subject: <b>first scan</b>", self.browser.text("pre.header"))
        self.browser.click("a[href$='/drop']")
        self.assertEqual(self.browser.text("h1"), "Drop this message?")
        self.browser.click("button.danger")
        self.assertIn("dropped", self.browser.text("p[role=status]"))
        self.assertIn("Nothing waits.", self.browser.text("main"))
        self.assertEqual(self.browser.troubles(), [], "the browser has nothing to complain about")

    def test_the_keyboard_alone_reaches_the_content_first(self):
        self.browser.open(self.home)
        self.browser.press("\ue004")  # Tab
        self.assertEqual(self.browser.active_text(), "Skip to the content")

    def test_a_link_is_good_once(self):
        said = self.daemon.command("console").stdout
        link = re.search(r"http://\S+", said)[0]
        self.browser.forget_cookies()
        self.browser.open(link)
        self.assertEqual(self.browser.text("h1"), "Overview")
        self.browser.forget_cookies()
        self.browser.open(link)
        self.assertIn("used up", self.browser.text("p[role=alert]"))
