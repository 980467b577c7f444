// imapflow, as EmailEngine uses it.
import { readFileSync, writeFileSync } from "node:fs";
import { ImapFlow } from "imapflow";
import { ca, did, end, given, host, implicit, pass, port, user } from "./driver.mjs";

const loginMethod = given.LOGIN === "user" ? "LOGIN" : `AUTH=${given.LOGIN.toUpperCase()}`;
const client = new ImapFlow({
  host, port, secure: implicit, doSTARTTLS: given.TLS === "starttls", tls: { ca }, logger: false,
  auth: { user, pass, loginMethod },
});
await client.connect();
writeFileSync("list", (await client.list()).map((mailbox) => mailbox.path).join("\n"));
await did("list");
let lock = await client.getMailboxLock("INBOX");
const count = async (subject) => (await client.search({ subject })).length;
await did("search", await count(`${given.MARKER}-waiting`), await count("something else"));
writeFileSync("fetched", (await client.fetchOne("*", { source: true })).source);
await did("fetch");
await client.mailboxCreate("Work");
await did("create");
await client.append("Work", readFileSync("message"), ["\\Seen"]);
await did("append");
await client.messageFlagsAdd("1", ["\\Flagged"]);
await did("flag");
await client.messageMove("1", given.TRASH);
await did("move");
lock.release();
lock = await client.getMailboxLock(given.TRASH);
await client.messageDelete("1:*");
await did("delete");
lock.release();
lock = await client.getMailboxLock("INBOX");
const woken = new Promise((resolve) => client.on("exists", resolve));
const idling = client.idle();
while (!client.idling) await new Promise(setImmediate);
await did("idle");
await woken;
await did("wake");
await client.logout();
await idling;
end();
