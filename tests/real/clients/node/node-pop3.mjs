// node-pop3
import { writeFileSync } from "node:fs";
import Pop3 from "node-pop3";
import { ca, did, end, host, implicit, pass, port, user } from "./driver.mjs";

const pop3 = new Pop3({ user, password: pass, host, port, tls: implicit, tlsOptions: { ca }, timeout: 60_000 });
await did("stat", (await pop3.STAT()).split(" ")[0]);
await did("uidl", ...(await pop3.UIDL()).map(([, id]) => id));
writeFileSync("top", await pop3.TOP(1, 0));
await did("top");
// It leaves the dots in that the protocol adds, and the last line end out.
writeFileSync("fetched", (await pop3.RETR(1)).replace(/^\.\./gm, ".") + "\r\n");
await did("retr");
await pop3.command("DELE", 1);
await pop3.QUIT();
await did("dele");
end();
