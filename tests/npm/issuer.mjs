// SPDX-License-Identifier: Apache-2.0
// An issuer of tokens with an interface behind it, for tests:
//
//     issuer.mjs oidc|mock CERT KEY
//
// prints one line, {"port", "control"}: https by the certificate, and a control
// port on loopback.  /log gives what the token endpoint was asked and how
// the interface at /api was called; POST /set {"ttl", "device", "fault", "delay",
// "late"} changes what happens next, {"hold"} keeps who asks waiting until it is taken back,
// {"server"} says how the protected server speaks; /made gives every secret that
// it made; /anew begins again for another house: what is still on its way for the
// last one is logged where nobody reads.  In the log tokens stand as SHA-256.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const [, , kind, certFile, keyFile] = process.argv;
const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
const fresh = () => ({ ttl: 3600, device: 600, fault: '', delay: 0, late: 0, hold: false, revoked: [],
  dead: '', server: undefined });
const state = fresh();
const asker = new AsyncLocalStorage(); // the log of whoever a request is of
let log = [];
const made = []; // every secret of it, for whoever looks for them elsewhere
const digest = (text) => createHash('sha256').update(text).digest('hex');

function note(entry) {
  (asker.getStore() ?? log).push({ at: Date.now(), ...entry });
}

function body(request) {
  return new Promise((resolve) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => resolve(Buffer.concat(pieces).toString()));
  });
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const control = http.createServer(async (request, response) => {
  if (request.url === '/set') {
    Object.assign(state, JSON.parse(await body(request)));
  } else if (request.url === '/forget') {
    log.length = 0;
  } else if (request.url === '/anew') {
    Object.assign(state, fresh());
    log = [];
    made.length = 0;
    server.closeAllConnections();
  }
  response.end(JSON.stringify(request.url === '/made' ? made : log));
});

// The interface that the tokens are for.
async function api(request, response, known) {
  const bearer = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const sent = await body(request);
  const good = bearer !== '' && state.revoked !== '*' &&
    !state.revoked.includes(digest(bearer)) &&
    await known(bearer);
  note({ api: request.url, good, token: digest(bearer), sent: sent.length });
  response.statusCode = good ? 200 : 401;
  if (!good) {
    response.setHeader('WWW-Authenticate', 'Bearer error="invalid_token"');
  }
  response.end(good ? 'the interface says yes\n' : 'who are you\n');
}

// A server that wants tokens (RFC 9728) at /mcp/v1: its 401 says where its
// metadata are, or they lie at one of the well-known places, as `server` says.
function protectedServer(request, response, port) {
  const self = `https://issuer.test:${port}/mcp/v1`;
  const known = '/.well-known/oauth-protected-resource';
  const how = state.server ?? {};
  if (request.url === '/mcp/v1') {
    note({ server: request.url, authorization: request.headers.authorization });
    response.statusCode = how.status ?? 401;
    if (how.challenge) {
      response.setHeader('WWW-Authenticate',
        how.challenge.replaceAll('PORT', String(port)));
    }
    response.end();
  } else if (request.url === how.at ||
      (request.url.startsWith(known) && request.url !== how.at)) {
    note({ server: request.url });
    response.statusCode = request.url === how.at ? 200 : 404;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({
      resource: (how.resource ?? self).replaceAll('PORT', String(port)),
      authorization_servers: [`https://issuer.test:${port}`],
      scopes_supported: how.scopes,
    }));
  } else {
    return false;
  }
  return true;
}

// Faults of the token endpoint that no library makes: true, it is done.
async function spoiled(request, response) {
  const fault = state.fault;
  if (state.delay) {
    await sleep(state.delay);
  }
  if (state.hold) {
    note({ held: request.url });
  }
  while (state.hold) {
    await sleep(10);
  }
  if (state.late) { // all is done, and the answer is on its way: so long, or
    const end = response.end; // where it is `true` until that is taken back
    const told = async (...rest) => {
      while (state.late === true) {
        await sleep(10);
      }
      end.apply(response, rest);
      note({ answered: request.url });
    };
    response.end = (...rest) => setTimeout(told, Number(state.late), ...rest);
  }
  switch (fault) {
    case 'access_denied':
    case 'authorization_pending':
    case 'slow_down':
      response.statusCode = 400;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ error: fault }));
      return true;
    case '500':
      response.statusCode = 500;
      response.end('{"error":"invalid_grant"}');
      return true;
    case '429':
      response.statusCode = 429;
      response.setHeader('Retry-After', state.retry);
      response.end('{}');
      return true;
    case 'redirect':
      response.statusCode = 307;
      response.setHeader('Location', 'https://evil.test/token');
      response.end();
      return true;
    case 'huge':
      response.setHeader('Content-Type', 'application/json');
      response.end(`{"access_token":"${'x'.repeat(200000)}"}`);
      return true;
    case 'hang':
      return true;
    case 'echo': // it says again what it was asked with, wherever it can
    case 'scope': { // and in a yes
      const form = new URLSearchParams(await body(request));
      const heard = form.get('refresh_token') ?? form.get('code');
      response.setHeader('Content-Type', 'application/json');
      if (fault === 'scope') {
        response.end(JSON.stringify({ access_token: 'canary-access-0001',
          token_type: 'Bearer', expires_in: 600, scope: heard }));
        return true;
      }
      response.statusCode = 400;
      response.setHeader('Location', `https://evil.test/${heard}`);
      response.setHeader('WWW-Authenticate', `Bearer realm="${heard}"`);
      response.end(JSON.stringify({ error: heard,
        error_description: `${heard} ${request.headers.authorization}`,
        error_uri: `https://issuer.test/${heard}`, [heard]: heard }));
      return true;
    }
    default:
      return false;
  }
}

// What a whole answer is made into.
function bent(answer) {
  switch (state.fault) {
    case 'type':
      return { ...answer, token_type: 'mac' };
    case 'lifetime':
      return { ...answer, expires_in: undefined };
    case 'zero':
      return { ...answer, expires_in: 0 };
    case 'negative':
      return { ...answer, expires_in: -1 };
    case 'lines':
      return { ...answer, access_token: 'a\r\nX-Evil: 1' };
    default:
      return answer;
  }
}

async function oidc(port) {
  const { Provider } = await import('oidc-provider');
  const provider = new Provider(`https://issuer.test:${port}`, {
    clients: [
      {
        client_id: 'service', client_secret: 'canary-client-secret-0001',
        grant_types: ['client_credentials'], redirect_uris: [],
        response_types: [], scope: 'read',
      },
      {
        client_id: 'poster', client_secret: 'canary-client-secret-0002',
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['client_credentials'], redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'person', token_endpoint_auth_method: 'none',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
      {
        client_id: 'box', token_endpoint_auth_method: 'none',
        application_type: 'native', redirect_uris: [], response_types: [],
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code',
          'refresh_token'],
      },
    ],
    scopes: ['openid', 'offline_access', 'read'],
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: { // RFC 8707
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'read', audience: resource, accessTokenFormat: 'opaque',
        }),
      },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    ttl: {
      AccessToken: () => state.ttl,
      ClientCredentials: () => state.ttl,
      RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600,
      IdToken: 600, DeviceCode: () => state.device, AuthorizationCode: 60,
    },
    cookies: { keys: ['not a secret of anybody'] },
  });
  const serve = provider.callback();
  const known = async (token) => Boolean(
    await provider.AccessToken.find(token) ??
    await provider.ClientCredentials.find(token));
  provider.on('grant.success', (ctx) => {
    ctx.body = bent(ctx.body);
    made.push(ctx.body.access_token, ctx.body.refresh_token,
      ctx.oidc.params.code, ctx.oidc.params.code_verifier,
      ctx.oidc.params.device_code);
    note({
      grant: ctx.oidc.params.grant_type,
      client: ctx.oidc.client.clientId,
      used: digest(ctx.oidc.params.refresh_token ?? ''),
      access: digest(ctx.body.access_token ?? ''),
    });
    if (state.fault === 'lost') {
      ctx.req.socket.destroy();
    }
  });
  provider.on('grant.error', (ctx, error) => {
    note({ refused: error.message, grant: ctx.oidc?.params?.grant_type });
  });
  return async (request, response) => {
    if (request.url.startsWith('/api')) {
      await api(request, response, known);
    } else if (request.url !== '/token' || !await spoiled(request, response)) {
      await serve(request, response);
    }
  };
}

async function mock(port) {
  const { OAuth2Issuer, OAuth2Service } = await import('oauth2-mock-server');
  const issuer = new OAuth2Issuer();
  issuer.url = `https://issuer.test:${port}`;
  await issuer.keys.generate('RS256');
  const service = new OAuth2Service(issuer);
  service.on('beforeTokenSigning', (token) => {
    token.payload.exp = Math.floor(Date.now() / 1000) + state.ttl;
    token.payload.jti = digest(String(Math.random()));
  });
  service.on('beforeResponse', (answer, request) => {
    const used = request.body.refresh_token ?? '';
    answer.body.expires_in = state.ttl;
    answer.body.refresh_token = 'canary-refresh-' + digest(String(Math.random()));
    delete answer.body.id_token;
    if (state.fault === 'invalid_grant' || (used && used === state.dead)) {
      answer.statusCode = 400;
      answer.body = { error: 'invalid_grant' };
      note({ refused: 'invalid_grant' });
      return;
    }
    note({ grant: request.body.grant_type, used: digest(used) });
    answer.body = JSON.parse(JSON.stringify(bent(answer.body)));
    made.push(answer.body.access_token, answer.body.refresh_token);
    state.dead = used || state.dead;
    if (state.fault === 'lost') {
      request.socket.destroy();
    }
  });
  return async (request, response) => {
    if (request.url.startsWith('/api')) {
      await api(request, response, async (token) => token.length > 10);
    } else if (!request.url.startsWith('/token') ||
        !await spoiled(request, response)) {
      service.requestHandler(request, response);
    }
  };
}

let handler = (request, response) => response.end();
const server = https.createServer(tls, (request, response) => {
  if (protectedServer(request, response, server.address().port)) {
    return;
  }
  const answer = () => handler(request, response);
  asker.run(log, () => Promise.resolve(answer()).catch((error) => {
    note({ broken: String(error) });
    response.destroy();
  }));
});
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  handler = await (kind === 'mock' ? mock : oidc)(port);
  control.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ port, control: control.address().port }));
  });
});
