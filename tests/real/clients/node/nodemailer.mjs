// nodemailer makes the message and sends it.
import { createReadStream, readFileSync } from "node:fs";
import { createTransport } from "nodemailer";
import { ca, did, end, given, host, implicit, pass, port, user } from "./driver.mjs";

const transport = createTransport({
  host, port, secure: implicit, requireTLS: given.TLS === "starttls", ignoreTLS: given.TLS === "off",
  tls: { ca }, authMethod: given.LOGIN.toUpperCase(), auth: { user, pass },
});
await transport.sendMail({
  from: { name: "Jürgen Möller-Wölfli", address: user }, to: user, subject: given.SUBJECT, text: readFileSync("text", "utf8"),
  attachments: [{ filename: "Übersicht 図.bin", content: createReadStream("noise.bin") }],
});
await did("send", "alike");
end();
