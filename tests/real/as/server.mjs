// The OAuth server of the real-parts tests: npm's certified oidc-provider, made to behave as Entra ID does where a mail relay
// can tell the difference.
//
// It exists so that Gatepost signs in to something its authors did not write. What is bent to Entra's habits: scopes that name a
// resource, long opaque tokens, rotated refresh tokens of which the old ones stay good, a polling interval in the device answer.
// It refuses to listen beyond the loopback network, and the /lab/ paths, with which the tests look in, are no part of OAuth.
//
// Run as `node server.mjs`, with its configuration as JSON on standard input; it prints "ready" once it listens.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

import Provider, { errors } from 'oidc-provider';

import { Adapter, forget } from './adapter.mjs';
import * as pages from './pages.mjs';

const { host, port, users, clientId, introspection, resource, scopes, tokenLength } = JSON.parse(await text(process.stdin));
if (!host.startsWith('127.')) throw new Error(`refusing to listen on ${host}: loopback addresses only`);

/** What was asked of this server, oldest first, for the tests to look at. */
const requests = [];

const privateJwk = (name, options) => generateKeyPairSync(name, options).privateKey.export({ format: 'jwk' });
const isToken = (kind) => kind === 'AccessToken' || kind === 'RefreshToken';
const html = (ctx, body) => {
  ctx.type = 'html';
  ctx.body = body;
};

const provider = new Provider(`http://${host}:${port}`, {
  adapter: Adapter,
  clients: [
    {
      client_id: clientId,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      // Any port goes for a native client, but "" and "/" are two paths.
      redirect_uris: ['http://localhost', 'http://localhost/', 'http://127.0.0.1', 'http://127.0.0.1/'],
    },
    { client_id: introspection.id, client_secret: introspection.secret, grant_types: [], redirect_uris: [], response_types: [] },
  ],
  clockTolerance: 0,
  conformIdTokenClaims: false,
  claims: { openid: ['sub'], email: ['email'], profile: ['preferred_username', 'name'] },
  cookies: { keys: ['only', 'a', 'test'] },
  expiresWithSession: () => false,
  extraTokenClaims: (ctx, token) => ({ preferred_username: token.accountId }), // Dovecot finds the user here
  features: {
    deviceFlow: {
      enabled: true,
      userCodeInputSource: (ctx, form, out, error) => html(ctx, pages.userCode(form, error?.message)),
      userCodeConfirmSource: (ctx, form, client, deviceInfo, code) => html(ctx, pages.confirmUserCode(form, code)),
      successSource: (ctx) => html(ctx, pages.done()),
    },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client, oneOf) => oneOf?.[0] ?? resource, // Entra reads it from the scopes: there is no parameter
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: scopes.join(' '), audience: resource, accessTokenFormat: 'opaque' }),
    },
  },
  findAccount: (ctx, id) => users[id] && { accountId: id, claims: () => ({ sub: id, email: id, preferred_username: id, name: id }) },
  formats: { bitsOfOpaqueRandomness: (ctx, token) => (isToken(token.kind) ? tokenLength * 6 : 256) },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: (ctx, client, code) => code.scopes.has('offline_access'),
  jwks: { keys: [{ ...privateJwk('rsa', { modulusLength: 2048 }), use: 'sig', alg: 'RS256', kid: 'lab' }] },
  renderError: (ctx, out, error) => html(ctx, pages.failed(`${out.error}: ${out.error_description ?? error}`)),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: 3600,
    AuthorizationCode: 60,
    DeviceCode: 900,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 86400,
    Session: 86400,
  },
});

provider.use(async (ctx, next) => {
  await next();
  const route = ctx.oidc?.route;
  if (!route) return;
  if (route === 'device_authorization' && ctx.status === 200) {
    const { verification_uri: uri, user_code: code } = ctx.body;
    delete ctx.body.verification_uri_complete; // Entra ID has none
    Object.assign(ctx.body, { interval: 1, message: `To sign in, open ${uri} and enter the code ${code}.` });
  }
  requests.push({ route, method: ctx.method, status: ctx.status, params: { ...ctx.oidc.params }, error: ctx.body?.error ?? null });
});

/** Allows a client everything that a request asked for, in the name of the person who signed in. */
async function allow(accountId, { client_id: client, scope }) {
  const grant = new provider.Grant({ accountId, clientId: client });
  grant.addOIDCScope(scope);
  grant.addResourceScope(resource, scope);
  return grant.save();
}

async function interaction(request, response) {
  const details = await provider.interactionDetails(request, response);
  const asked = (details.params.scope ?? '').split(' ');
  const show = (problem) => response.writeHead(200, { 'content-type': 'text/html' }).end(pages.signIn(request.url, asked, problem));
  if (request.method !== 'POST') return show();

  const form = new URLSearchParams(await text(request));
  const user = form.get('username')?.trim().toLowerCase();
  if (!user || users[user] !== form.get('password')) return show('The name or the password is wrong.');

  const result = { login: { accountId: user }, consent: { grantId: await allow(user, details.params) } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** What the tests ask about and do to this server. */
function lab(request, response) {
  const answer = (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.url === '/lab/requests') return answer(requests);
  if (request.url === '/lab/forget-access-tokens' && request.method === 'POST') return answer({ forgotten: forget('AccessToken') });
  return response.writeHead(404).end();
}

/** offline_access is granted at the authorize page only where consent is asked for; Entra ID knows no such rule. */
function askForConsent(request) {
  const url = new URL(request.url, 'http://lab');
  if (url.pathname !== '/auth') return;
  const prompts = new Set((url.searchParams.get('prompt') ?? '').split(' ').filter(Boolean));
  if (prompts.delete('select_account')) prompts.add('login');
  url.searchParams.set('prompt', [...prompts.add('consent')].join(' '));
  request.url = url.pathname + url.search;
}

const oauth = provider.callback();

// Dovecot keeps its connection for the next token: one that is closed under its hands is a failed sign-on there.
createServer({ keepAliveTimeout: 3_600_000 }, async (request, response) => {
  try {
    if (request.url.startsWith('/lab/')) return lab(request, response);
    if (request.url.startsWith('/interaction/')) return await interaction(request, response);
    askForConsent(request);
    return await oauth(request, response);
  } catch (error) {
    const status = error instanceof errors.OIDCProviderError ? error.status : 500;
    console.error(error);
    return response.writeHead(status, { 'content-type': 'text/html' }).end(pages.failed(error));
  }
}).listen(port, host, () => console.log('ready'));

process.on('SIGTERM', () => process.exit(0));
