// The memory of the OAuth server: one map for everything it issues.
//
// It exists because two habits of Entra ID cannot be had from the provider's own memory adapter: a refresh token that was
// exchanged for a new one stays good, and an expired row still says "expired" instead of "not found". It refuses to survive
// a restart: every run of the tests starts with nobody signed in.

const rows = new Map();

const keyOf = (model, id) => `${model}:${id}`;
const now = () => Math.floor(Date.now() / 1000);

export class Adapter {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload) {
    rows.set(keyOf(this.model, id), payload);
  }

  async find(id) {
    return rows.get(keyOf(this.model, id));
  }

  async findByUid(uid) {
    return this.#first((row) => row.uid === uid);
  }

  async findByUserCode(userCode) {
    return this.#first((row) => row.userCode === userCode);
  }

  // Entra ID hands out a new refresh token at every refresh and leaves the old one as it is.
  async consume(id) {
    if (this.model !== 'RefreshToken') rows.get(keyOf(this.model, id)).consumed = now();
  }

  async destroy(id) {
    rows.delete(keyOf(this.model, id));
  }

  async revokeByGrantId(grantId) {
    for (const [key, row] of rows) if (row.grantId === grantId) rows.delete(key);
  }

  #first(matches) {
    for (const [key, row] of rows) if (key.startsWith(`${this.model}:`) && matches(row)) return row;
    return undefined;
  }
}

/** Forgets every row of a model, and says how many there were. */
export function forget(model) {
  const doomed = [...rows.keys()].filter((key) => key.startsWith(`${model}:`));
  doomed.forEach((key) => rows.delete(key));
  return doomed.length;
}
