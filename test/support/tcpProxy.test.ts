import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { eventually } from './eventually.ts';
import { suite } from './suite.ts';
import { startTcpProxy, type TcpProxy } from './tcpProxy.ts';

type Context = { echo: Server; proxy: TcpProxy };

const tcpProxy = suite<Context>('a network that is taken away');

tcpProxy.before.each(async (context) => {
  context.echo = createServer((socket) => void socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(context.echo, 'listening');
  context.proxy = await startTcpProxy((context.echo.address() as AddressInfo).port);
});

tcpProxy.after.each(async ({ echo, proxy }) => {
  await proxy.close();
  echo.close();
});

const opened = async ({ port }: TcpProxy) => {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let heard = '';
  socket.on('data', (text) => {
    heard += text;
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return { socket, heard: () => heard };
};

const closed = (socket: Socket) => eventually(() => socket.closed, 'the connection is gone');

/** A silence lasts until something else has come a way that is as long. */
const aWhile = async ({ echo }: Context) => {
  const socket = connect((echo.address() as AddressInfo).port, '127.0.0.1');
  for (let rounds = 0; rounds < 20; rounds += 1) {
    socket.write('x');
    await once(socket, 'data');
  }
  socket.destroy();
};

tcpProxy('passes on what is said, and its end', async ({ proxy }) => {
  const { socket, heard } = await opened(proxy);
  socket.end('hello');
  await once(socket, 'close');
  assert.is(heard(), 'hello');
});

tcpProxy('cut: what there is and what comes is reset, until it is restored', async ({ proxy }) => {
  const first = await opened(proxy);
  proxy.cut();
  await closed(first.socket);
  const second = connect(proxy.port, '127.0.0.1').on('error', () => {});
  await closed(second);
  proxy.restore();
  const third = await opened(proxy);
  third.socket.write('again');
  await eventually(() => third.heard() === 'again');
  third.socket.destroy();
});

tcpProxy('held: nothing passes and nothing ends, and everything arrives in the end', async (context) => {
  const { proxy } = context;
  const first = await opened(proxy);
  proxy.hold();
  const second = await opened(proxy);
  first.socket.write('one');
  second.socket.end('two');
  await aWhile(context);
  assert.is(first.heard() + second.heard(), '');
  assert.not(first.socket.closed || second.socket.readableEnded);
  proxy.restore();
  await once(second.socket, 'close');
  assert.is(second.heard(), 'two');
  await eventually(() => first.heard() === 'one');
  first.socket.destroy();
});

tcpProxy('stranded: a connection stays silent for ever, and a new one works', async (context) => {
  const { proxy } = context;
  const first = await opened(proxy);
  first.socket.write('before');
  await eventually(() => first.heard() === 'before');
  proxy.strand();
  first.socket.write('after');
  const second = await opened(proxy);
  second.socket.write('new');
  await eventually(() => second.heard() === 'new');
  await aWhile(context);
  assert.is(first.heard(), 'before');
  assert.not(first.socket.closed);
  first.socket.destroy();
});

tcpProxy.run();
