import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { temporaryFolder } from './temporaryFolder.ts';

/** Why no certificate can be made; null where one can. */
export const noOpenssl: string | null =
  spawnSync('openssl', ['version']).status === 0 ? null : 'no program openssl on PATH';

const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];

/** For `localhost`, its own authority. @returns its file and that of its key */
export const makeCertificate = (): { readonly certificate: string; readonly key: string } => {
  const folder = temporaryFolder();
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return { certificate, key };
};

/** A door that speaks TLS, before a gRPC server that does not. */
export const tlsDoor = async (
  server: { readonly host: string; readonly port: number },
  { certificate, key }: ReturnType<typeof makeCertificate>,
) => {
  const options = { cert: readFileSync(certificate), key: readFileSync(key), ALPNProtocols: ['h2'] };
  const door = createServer(options, (socket) => {
    const inside = connect(server.port, server.host);
    socket.pipe(inside).pipe(socket);
    for (const side of [socket, inside]) {
      side.on('error', () => {});
      side.on('close', () => {
        socket.destroy();
        inside.destroy();
      });
    }
  });
  door.on('tlsClientError', () => {});
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  return { port: (door.address() as AddressInfo).port, close: () => void door.close() };
};
