// emailjs makes the message and sends it.
import { readFileSync } from "node:fs";
import { SMTPClient } from "emailjs";
import { ca, did, end, given, host, implicit, pass, port, user } from "./driver.mjs";

const client = new SMTPClient({
  user, password: pass, host, port, authentication: [given.LOGIN.toUpperCase()], timeout: 60_000,
  ssl: implicit && { ca }, tls: given.TLS === "starttls" && { ca },
});
await client.sendAsync({
  from: `Jürgen Möller-Wölfli <${user}>`, to: user, subject: given.SUBJECT, text: readFileSync("text", "utf8"),
  attachment: [{ path: "noise.bin", type: "application/octet-stream", name: "noise.bin" }],
});
await did("send", "alike");
end();
