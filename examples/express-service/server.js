// A service on Express whose calls need a key of Keyledger, verified inside it.
import { createVerifier } from '@keyledger/verifier';
import express from 'express';

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

const app = express();
// Behind a proxy, say which: its word on the client's address is then believed, and the key's last use has the right one.
app.set('trust proxy', false);

app.get('/livez', (_request, response) => {
  response.json({ live: true });
});

// Everything below needs a key that may read; it is refused with 401, 403, or 503 where nobody can tell.
app.use('/reports', verifier.express({ scopes: ['reports:read'] }));

app.get('/reports', (request, response) => {
  response.json({ reports, owner: request.keyledger.ownerId });
});

app.post('/reports', verifier.express({ scopes: ['reports:write'] }), express.json(), (request, response) => {
  reports.push(String(request.body?.name));
  response.status(201).json({ reports });
});

const server = app.listen(Number(PORT), () => console.log(`listening on http://127.0.0.1:${server.address().port}`));

const stop = () => {
  // Who is being answered is answered; then the use of keys that is not reported yet is.
  server.close(() => verifier.close().catch(console.error));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
