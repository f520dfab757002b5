import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/** What the package has of one connection, or of one try to make it. */
type Transport = {
  readonly connected: boolean;
  readonly socket?: Socket;
  close: (this: Transport, error?: Error) => Promise<void>;
  peekInfo: (this: Transport) => Promise<unknown>;
};

const { NodeTransport } = createRequire(import.meta.url)('nats/lib/src/node_transport.js') as {
  NodeTransport: { readonly prototype: Transport };
};

const { close, peekInfo } = NodeTransport.prototype;
if (close === undefined || peekInfo === undefined) throw new Error('this release of nats connects in another way');

const givenUp = new WeakSet<Transport>();

/**
 * The package leaves open what it gives up because the server says nothing: another socket with every try, for as long
 * as a server stands still, and each of them keeps the process from its end. Here it is closed.
 */
NodeTransport.prototype.close = async function (error) {
  await close.call(this, error);
  if (this.connected) return;
  givenUp.add(this);
  this.socket?.destroy();
};

// One that came about after it was given up.
NodeTransport.prototype.peekInfo = function () {
  const info = peekInfo.call(this);
  if (givenUp.has(this)) this.socket?.destroy();
  return info;
};
