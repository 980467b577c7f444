"""aiosmtplib, as Home Assistant and FastAPI applications use it."""

import asyncio
import ssl
import sys
from email import message_from_bytes
from os import environ as given
from pathlib import Path

import aiosmtplib


async def send():
    smtp = aiosmtplib.SMTP(
        hostname=given["HOST"], port=int(given["PORT"]), use_tls=given["TLS"] == "implicit", start_tls=given["TLS"] == "starttls",
        tls_context=ssl.create_default_context(cafile=given["CA"]), timeout=60,
    )
    async with smtp:
        await smtp.ehlo()
        login = smtp.auth_plain if given["LOGIN"] == "plain" else smtp.auth_login
        assert (await login(given["MAIL_USER"], given["MAIL_PASSWORD"])).code == 235
        refused, _ = await smtp.sendmail(given["MAIL_USER"], [given["MAIL_USER"]], Path("message").read_bytes())
        assert not refused


asyncio.run(send())
print("did send", flush=True)
sys.stdin.readline()
