/** What an error says in its fields, so that no program has to read its words. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SplicewayError } from '../src/errors/catalogue.js';
import type { BackendErrorEvent } from '../src/session/events.js';
import { within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { refusedAddress, startEcho, startServer } from './helpers/servers.js';
import { connect, reset, write } from './helpers/sockets.js';

describe.each(ways)('errors with %s', (way) => {
  it('of an attempt name the backend, its address and the system code', async () => {
    const [ip = '', port = ''] = (await refusedAddress()).split(':');
    const name = `down.test:${port}`;
    const lookup = async () => [{ address: ip, family: 4 }];
    const proxy = await startProxy(way, { backends: [name] }, { lookup });
    const failed = within('the event', once(proxy, 'backendError'));
    await connect(portOf(proxy));
    const [{ error }] = (await failed) as [BackendErrorEvent];
    const address = `${ip}:${port}`;
    expect(error).toMatchObject({ backend: name, address, systemCode: 'ECONNREFUSED' });
    expect(error.cause).toMatchObject({
      message: `connect ECONNREFUSED ${address}`,
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: ip,
      port: Number(port),
    });
  });

  it('of an attempt at a unix backend have its path', async () => {
    const backend = 'unix:/nonexistent/x.sock';
    const proxy = await startProxy(way, { backends: [backend] });
    const failed = within('the event', once(proxy, 'backendError'));
    await connect(portOf(proxy));
    const [{ error }] = (await failed) as [BackendErrorEvent];
    expect(error).toMatchObject({ backend, address: backend, systemCode: 'ENOENT' });
    expect(error.cause).toMatchObject({ address: '/nonexistent/x.sock' });
  });

  it('of a session name the backend that had answered, and what the system said', async () => {
    const backend = await startServer((socket) => socket.once('data', () => reset(socket)));
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summary = nextSummary(proxy);
    await write(await connect(portOf(proxy)), 'reset me');
    const { error } = await summary;
    expect(error).toMatchObject({
      code: 'ERR_SPLICEWAY_SESSION_RESET',
      backend: backend.address,
      systemCode: 'ECONNRESET',
      address: undefined,
    });
  });

  it('of a session that no backend took name none', async () => {
    const proxy = await startProxy(way, { backends: [await refusedAddress()] });
    const summary = nextSummary(proxy);
    await connect(portOf(proxy));
    expect((await summary).error).toMatchObject({ backend: undefined, systemCode: undefined });
  });

  it('of a listener have its address', async () => {
    const { address, port } = await startEcho();
    const listen = `127.0.0.1:${port}`;
    const failed = startProxy(way, { listen, backends: ['127.0.0.1:1'] });
    await expect(failed).rejects.toMatchObject({ address, systemCode: 'EADDRINUSE' });
  });
});

it('of a name that does not resolve name the backend and what the resolver said', async () => {
  const lookup = async (name: string) => {
    if (name === 'db.test' && lookups++ > 0)
      throw Object.assign(new Error('no'), { code: 'EAI_AGAIN' });
    return [];
  };
  let lookups = 0;
  let ahead = 0;
  const now = () => performance.now() + ahead;
  const proxy = await startProxy('stream', { backends: ['db.test:1'] }, { lookup, now });
  ahead = 11_000;
  const failed = within('the event', once(proxy, 'backendError'));
  await connect(portOf(proxy));
  const [{ error }] = (await failed) as [BackendErrorEvent];
  expect(error).toMatchObject({ backend: 'db.test:1', systemCode: 'EAI_AGAIN' });
});

it('take no code of Node or of a module for one of the system', () => {
  const codes = ['ERR_SOCKET_CLOSED', 'MODULE_NOT_FOUND', 5, undefined, 'ECONNRESET', 'EAI_AGAIN'];
  const seen = codes.map((code) => {
    const cause = Object.assign(new Error('x'), { code });
    return new SplicewayError('ERR_SPLICEWAY_LISTEN', 'x', { cause }).systemCode;
  });
  expect(seen).toEqual([undefined, undefined, undefined, undefined, 'ECONNRESET', 'EAI_AGAIN']);
});
