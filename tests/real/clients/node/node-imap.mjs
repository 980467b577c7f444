// node-imap, the library of most older mail tools in JavaScript.
import { readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { promisify } from "node:util";
import Imap from "imap";
import { ca, did, end, given, host, implicit, pass, port, user } from "./driver.mjs";

const imap = new Imap({
  user, password: pass, host, port, tls: implicit, autotls: given.TLS === "starttls" ? "always" : "never", tlsOptions: { ca, host },
});
const call = (name, ...words) => promisify(imap[name]).call(imap, ...words);

imap.connect();
await once(imap, "ready");
writeFileSync("list", Object.keys(await call("getBoxes")).join("\n"));
await did("list");
await call("openBox", "INBOX");
const count = async (subject) => (await call("search", [["SUBJECT", subject]])).length;
await did("search", await count(`${given.MARKER}-waiting`), await count("something else"));
writeFileSync("fetched", await new Promise((resolve) => {
  imap.seq.fetch("1", { bodies: "" }).on("message", (message) => message.on("body", async (body) => {
    const chunks = [];
    for await (const chunk of body) chunks.push(chunk);
    resolve(Buffer.concat(chunks));
  }));
}));
await did("fetch");
await call("addBox", "Work");
await did("create");
await call("append", readFileSync("message"), { mailbox: "Work", flags: ["Seen"] });
await did("append");
const all = await call("search", ["ALL"]);
await call("addFlags", all, "Flagged");
await did("flag");
await call("move", all, given.TRASH);
await did("move");
await call("openBox", given.TRASH);
await call("addFlags", await call("search", ["ALL"]), "Deleted");
await call("expunge");
await did("delete");
await call("openBox", "INBOX"); // it idles by itself
const woken = once(imap, "mail");
await did("idle");
await woken;
await did("wake");
end();
