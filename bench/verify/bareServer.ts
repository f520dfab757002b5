// The baseline of `verify`: parses the question and answers JSON as the product does, and does nothing else.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

process.once('disconnect', () => process.exit(0));

process.once('message', (answers: readonly [key: string, answer: object][]) => {
  const byKey = new Map(answers);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { key } = JSON.parse(Buffer.concat(chunks).toString()) as { key: string };
      const text = JSON.stringify(byKey.get(key));
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
      response.end(text);
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
});
