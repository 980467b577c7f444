// What every driver in JavaScript shares: the facts, and `did`, which tells that a step is done and waits until it was looked at.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export const given = process.env;
export const user = given.MAIL_USER;
export const pass = given.MAIL_PASSWORD;
export const host = given.HOST;
export const port = Number(given.PORT);
export const implicit = given.TLS === "implicit";
export const ca = readFileSync(given.CA);

const replies = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export async function did(...words) {
  console.log(["did", ...words].join(" "));
  await replies.next();
}

export function end() {
  process.exit(0); // some libraries leave their connections open
}
