"""Marionette: the remote control built into Mozilla programs, as a small client. JSON with its length in front, over TCP.

It exists to run a program's own JavaScript in its own main window. It refuses to know anything of mail.
"""

import json
import socket


class MarionetteError(Exception):
    pass


class Marionette:
    def __init__(self, port, script_seconds=40):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=script_seconds + 20)
        self.incoming = self.connection.makefile("rb")
        self.count = 0
        hello = self._read()
        assert hello.get("marionetteProtocol") == 3, hello
        self.command("WebDriver:NewSession", {})
        self.command("WebDriver:SetTimeouts", {"script": script_seconds * 1000})
        self.command("Marionette:SetContext", {"value": "chrome"})

    def command(self, name, parameters):
        self.count += 1
        text = json.dumps([0, self.count, name, parameters])
        self.connection.sendall(f"{len(text.encode())}:{text}".encode())
        kind, number, error, result = self._read()
        assert (kind, number) == (1, self.count), "an answer to something else"
        if error:
            raise MarionetteError(f"{name}: {error['error']}: {error['message']}")
        return result.get("value") if isinstance(result, dict) else result

    def call(self, library, function, *arguments):
        """Calls an asynchronous function of a JavaScript library in the program, and returns what it resolves to."""
        script = f"""
            const [given, done] = arguments;
            {library}
            (async () => {function}(...given))().then(
                value => done({{ value: value ?? null }}),
                error => done({{ error: `${{error}}\\n${{error?.stack ?? ""}}` }}),
            );"""
        answer = self.command("WebDriver:ExecuteAsyncScript", {
            "script": script, "args": [arguments], "sandbox": "system", "newSandbox": True,
        })
        if "error" in answer:
            raise MarionetteError(f"{function}: {answer['error']}")
        return answer["value"]

    def _read(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.incoming.read(1)
            if not byte:
                raise MarionetteError("the program closed the connection")
            length += byte
        return json.loads(self.incoming.read(int(length[:-1])))

    def close(self):
        self.incoming.close()
        self.connection.close()
