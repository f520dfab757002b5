// A service on plain node:http whose calls need a key of Keyledger, verified inside it. The same for any server that
// answers a Request with a Response.
import { createServer } from 'node:http';
import { createVerifier } from '@keyledger/verifier';

const { KEYLEDGER_URL = 'http://127.0.0.1:8080', KEYLEDGER_TOKEN, PORT = '3000' } = process.env;

const verifier = createVerifier({ url: KEYLEDGER_URL, token: KEYLEDGER_TOKEN, name: 'reports' });
verifier.on('state', (state) => console.log(`verifier: ${state}`));
verifier.on('revoked', ({ kind, keyId, ownerId, reason }) => {
  // The verifier has forgotten it by now. Here ends what else a right has begun: streams, jobs, sessions.
  console.log(`revoked: ${kind} ${keyId ?? ownerId ?? ''} (${reason})`);
});

// A Keyledger that is away is no reason not to start: keys get 503 until it is there. A wrong token is one.
await verifier.ready().catch((error) => {
  if (error.code !== 'stale') throw error;
  console.error(error.message);
});

const reports = ['January', 'February'];

/** What each call needs, and what it answers to whoever may. */
const calls = {
  'GET /reports': { scopes: ['reports:read'], run: (key) => Response.json({ reports, owner: key.ownerId }) },
  'POST /reports': {
    scopes: ['reports:write'],
    run: (_key) => {
      reports.push(`Report ${reports.length + 1}`);
      return Response.json({ reports }, { status: 201 });
    },
  },
};

const answer = async (request, ip) => {
  const call = calls[`${request.method} ${new URL(request.url).pathname}`];
  if (call === undefined) return new Response(null, { status: 404 });
  const key = await verifier.handle(request, { scopes: call.scopes, ip });
  // The Response that refuses: 401, 403, or 503 where nobody can tell.
  if (key instanceof Response) return key;
  return call.run(key);
};

/** Its headers are all that is needed here; the body stays in `incoming`. */
const requestOf = ({ method, url, rawHeaders }) => {
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at], rawHeaders[at + 1]);
  return new Request(`http://service${url}`, { method, headers });
};

const serve = async (incoming, outgoing) => {
  const response = await answer(requestOf(incoming), incoming.socket.remoteAddress);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text());
};

const server = createServer((incoming, outgoing) => {
  serve(incoming, outgoing).catch((error) => {
    console.error(error);
    outgoing.writeHead(500).end();
  });
});
server.listen(Number(PORT), () => console.log(`listening on http://127.0.0.1:${server.address().port}`));

const stop = () => {
  // Who is being answered is answered; then the use of keys that is not reported yet is.
  server.close(() => verifier.close().catch(console.error));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
