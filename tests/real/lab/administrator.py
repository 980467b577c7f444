"""The administrator: reads what a page or a program says to type, puts in what stands in < and >, and types it.

It exists so that no command is copied into a test: what is typed is what was printed. It refuses to type a line in which something
is still to be put in, and to guess it: a value comes from the page's example, or from what a command before has shown.
"""

import re

from . import entra, exchange  # noqa: F401  (their cmdlets)
from .cmdlets import Session
from .shell import Shell
from .values import Thing, Unknown

CMDLET = re.compile(r"(Add|Connect|Get|New|Remove|Set|Update)-[A-Z][A-Za-z0-9]+( |$)")
CHANGING = re.compile(r"(Add|New|Remove|Set|Update)-")
PLACEHOLDER = re.compile(r"<([a-z][a-z-]*)>")
# Of which one is taken, in both languages, as the English page has them. What is gone through one by one has no label here.
WAYS = {
    "Either": "Either", "Or": "Or", "方法1": "Either", "方法2": "Or", "方法3": "Or",
    "Where the group is there already": "group", "グループがすでにある場合": "group", "Where there is no such group": "no group",
    "グループがまだない場合": "no group",
    "With an app-only grant": "app", "アプリ専用のグラントの場合": "app",
    "At one's own mailbox": "own", "自分のメールボックスの場合": "own", "At other providers": "elsewhere", "他のプロバイダーの場合": "elsewhere",
}
AUDIENCES = ("app", "own", "elsewhere")
OF_ALL = ("In each case", "いずれの場合も", "What to put in", "入れる値", "Then", "その後")
# What is gone through one by one ends the cases of the one before.
POINT = re.compile(r"[(（]\d[)）]")
LABEL = re.compile(rf"(?:- )?(?:\*\*)?({'|'.join((*WAYS, *OF_ALL))})[:：]")


class Administrator:
    def __init__(self, directory):
        self.session = Session(directory)
        self.shell = Shell(self.session)

    def types(self, text, **known):
        """What is left on the screen."""
        for name in PLACEHOLDER.findall(text):
            if (value := known.get(name.replace("-", "_")) or self.seen(name)) is None:
                raise Unknown(f"nothing says what <{name}> is, in: {text}")
            text = text.replace(f"<{name}>", value)
        return self.shell.run(text)

    def seen(self, name):
        """Of what was shown: an object id is the Id of the enterprise application, an id that of what was shown last, and a policy one
        that lets SMTP sign on.
        """
        for one in reversed(self.shell.screen):
            if isinstance(one, Thing) and (name, one.kind) == ("object-id", "enterprise application"):
                return one.Id
            if isinstance(one, dict) and name == "id" and "Id" in one:
                return one["Id"]
            if isinstance(one, dict) and name == "policy" and one.get("AllowBasicAuthSmtp"):
                return one["Name"]
        return None

    @property
    def warnings(self):
        return self.session.warnings + self.shell.warnings


def registered_by_hand(directory):
    """The app and its enterprise application, as they are made in a browser."""
    session = Session(directory)
    session.graph_scopes.add("Application.ReadWrite.All")
    (app,) = session.perform("New-MgApplication", {"DisplayName": "Gatepost", "SignInAudience": "AzureADMyOrg", "RequiredResourceAccess": []})
    session.perform("New-MgServicePrincipal", {"AppId": app.AppId})
    return app


def ways(page):
    """Of a step as it is laid out: each way to go, by the labels on it, with its cmdlets in their order. The first label is whom it
    is for, if not everybody: what stands there is all of it.
    """
    stack, found = [], []
    for line in page.splitlines():
        depth, text = len(line) - len(line.lstrip()), line.strip()
        label = LABEL.match(text)
        if label or text.startswith("- **") or POINT.match(text):
            stack = [(at, name) for at, name in stack if at < depth]
        if label and label[1] in WAYS:
            stack.append((depth, WAYS[label[1]]))
        elif CMDLET.match(text) and depth >= 4:
            path = tuple(name for _, name in stack)
            found.append((path if path[:1] and path[0] in AUDIENCES else ("", *path), text))
    paths = dict.fromkeys(path for path, _ in found)
    ends = [path for path in paths if not any(other != path and other[:len(path)] == path for other in paths)]
    return {end: [command for path, command in found if end[:len(path)] == path] for end in ends}
