/** Whoever may connect to the control socket, and means no good or is broken: nobody else notices. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { randomFrom } from '../scripts/lib/random.js';
import type { ControlEvent } from '../src/control/types.js';
import { mutate, send, tell, untilClosed } from './helpers/attackers.js';
import { ask, closeOf, connectTo, startControl } from './helpers/control.js';
import { until, within } from './helpers/deadline.js';
import { exhaustDescriptors, openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { engines } from './helpers/engines.js';
import { memoryInUse } from './helpers/memory.js';
import { type RunningProxy, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { echoed, openClient } from './helpers/services.js';

const MIB = 1024 * 1024;

/** A proxy with a session that goes on all the time. */
async function startAttacked(engine: (typeof engines)[number] = 'stream') {
  const echo = await startEcho();
  const proxy = await startProxy(engine, { backends: [`${echo.address},name=a`] });
  const { control, client } = await startControl(proxy);
  const session = await openClient(proxy.addresses()[0]?.port ?? 0);
  const unharmed = async () => {
    expect(await echoed(session, 'still here')).toBe('still here');
    expect((await client.status()).generation).toBe(proxy.generation);
  };
  await unharmed();
  return { proxy, control, client, unharmed };
}

const BODY = '{"weight":7}';
const REQUEST = [
  'PATCH /v1/pools/default/backends/a HTTP/1.1',
  'Host: x',
  'Content-Type: application/json',
  `Content-Length: ${BODY.length}`,
  '',
  BODY,
].join('\r\n');

/** Requests that are none, each with its reason: the answer is an error or none. */
const malformed: readonly (readonly [string, string])[] = [
  ['no HTTP', 'hello\r\n\r\n'],
  ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['an unknown version', 'GET /v1/status HTTP/9.9\r\nHost: x\r\n\r\n'],
  ['no Host', 'GET /v1/status HTTP/1.1\r\n\r\n'],
  ['a host that is none', 'GET /v1/status HTTP/1.1\r\nHost: a/../b@c\r\n\r\n'],
  ['an unknown method', REQUEST.replace('PATCH', 'BREAK')],
  ['a tunnel', 'CONNECT /v1/status HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a folded header', 'GET /v1/status HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n'],
  ['a zero in a header', 'GET /v1/status HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n'],
  ['a space before the colon', 'GET /v1/status HTTP/1.1\r\nHost : x\r\n\r\n'],
  ['two lengths', REQUEST.replace('Host: x', 'Host: x\r\nContent-Length: 1')],
  ['a length and chunks', REQUEST.replace('Host: x', 'Host: x\r\nTransfer-Encoding: chunked')],
  ['a length below zero', REQUEST.replace(/Length: \d+/, 'Length: -1')],
  ['a length of letters', REQUEST.replace(/Length: \d+/, 'Length: many')],
  [
    'a chunk that is none',
    REQUEST.replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked').replace(BODY, 'xyz\r\n'),
  ],
  ['a path out of all folders', 'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an encoding that is none', REQUEST.replace('backends/a', 'backends/%ZZ%')],
  ['an encoding that is no UTF-8', REQUEST.replace('backends/a', 'backends/%ff%fe')],
  ['no JSON', REQUEST.replace(BODY, '{"weight":7 ')],
  ['JSON that is no object', REQUEST.replace(BODY, '[[[[[[[[[[]]')],
  ['a prototype', REQUEST.replace(/\d+\r\n\r\n.*/s, '25\r\n\r\n{"__proto__":{"weight":7}}')],
  ['bytes that are no text', REQUEST.replace(BODY, '{"w\xff\xfeght":7}')],
  ['another type', REQUEST.replace('application/json', 'text/plain')],
  ['no type', REQUEST.replace('Content-Type', 'X-Type')],
  ['an old generation', REQUEST.replace('Host: x', 'Host: x\r\nIf-Match: "0"')],
  ['a generation that is none', REQUEST.replace('Host: x', 'Host: x\r\nIf-Match: seven')],
  ['an unknown query', REQUEST.replace('/a HTTP', '/a?now=1 HTTP')],
];

describe('a malformed request', () => {
  it.each(malformed)('changes nothing: %s', async (_, bytes) => {
    const { proxy, control, unharmed } = await startAttacked();
    const said = await tell(control, bytes);
    expect(said).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
    expect(said).not.toMatch(/\bat .*\.js/);
    expect(proxy.generation).toBe(1);
    expect(proxy.pool().backend('a').weight).toBe(1);
    await unharmed();
  });
});

describe.each(engines)('ten thousand requests at random with %s', (engine) => {
  it('of which most are broken: no crash, no growth, no session that notices', async () => {
    const { proxy, control, unharmed } = await startAttacked(engine);
    const random = randomFrom('control');
    const sources = [REQUEST, ...malformed.map(([, bytes]) => bytes)] as [string, ...string[]];
    const round = async (count: number) => {
      let left = count;
      const worker = async () => {
        while (left-- > 0) await send(control, mutate(random.pick(sources), random));
      };
      await Promise.all(Array.from({ length: 16 }, worker));
      await unharmed();
    };
    // What is loaded and compiled is so once.
    await round(2000);
    const before = { memory: memoryInUse(), descriptors: openDescriptors() };
    await round(8000);
    await untilBackTo(before.descriptors);
    const { heap } = memoryInUse();
    expect((heap - before.memory.heap) / MIB).toBeLessThan(8);
    expect([1, ...weightsOf(proxy)].every((weight) => weight >= 1 && weight <= 1000)).toBe(true);
    expect(proxy.pool().backends).toEqual(['a']);
  });
});

const weightsOf = (proxy: RunningProxy) => proxy.stats().backends.map(({ weight }) => weight);

describe('a request that is cut', () => {
  it('anywhere does nothing, and one that is whole is done, whoever is gone', async () => {
    const { proxy, control, unharmed } = await startAttacked();
    for (let length = 0; length < REQUEST.length; length++) {
      const socket = await connectTo(control);
      await new Promise((resolve) => socket.write(REQUEST.slice(0, length), resolve));
      socket.destroy();
    }
    await unharmed();
    expect(proxy.generation).toBe(1);
    const socket = await connectTo(control);
    await new Promise((resolve) => socket.write(REQUEST, resolve));
    socket.destroy();
    await until('it is done', () => proxy.pool().backend('a').weight === 7);
    const { body } = await ask(control, 'GET /v1/changes/2');
    expect(body.result).toMatchObject({ generation: 2, changed: ['default/a'] });
    await unharmed();
  });

  it('while a whole configuration is resolved: it is in effect, and its answer can be asked for', async () => {
    const { proxy, control, client } = await startAttacked();
    const options = { ...proxy.options, backends: ['localhost:9', 'localhost:10'] };
    const socket = await connectTo(control);
    const body = JSON.stringify(options);
    const head = `PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    await new Promise((resolve) => socket.write(head + body, resolve));
    socket.destroy();
    await until('it is in effect', () => proxy.generation === 2);
    // Its turn is before this one.
    await client.setBackend('default', 'localhost:9', { weight: 2 });
    expect((await client.change(2)).result.added).toHaveLength(2);
    expect(proxy.pool().backends).toEqual(['localhost:9', 'localhost:10']);
  });
});

describe('a request that is slow', () => {
  it('is let go: without a byte, within its headers, and within its body', async () => {
    const { proxy, control, unharmed } = await startAttacked();
    const silent = await connectTo(control);
    const [head = ''] = REQUEST.split('\r\n\r\n');
    const inHead = await connectTo(control);
    inHead.write(head);
    const inBody = await connectTo(control);
    inBody.write(`${head}\r\n\r\n{`);
    const ends = await Promise.all([silent, inHead, inBody].map(untilClosed));
    for (const said of ends) expect(said).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(proxy.generation).toBe(1);
    await unharmed();
  });
});

describe('a request that is huge', () => {
  it('is refused: its headers, its body as it says, and its body as it comes', async () => {
    const { control, unharmed } = await startAttacked();
    const path = 'PATCH /v1/pools/default/backends/a';
    const large = JSON.stringify({ weight: 'x'.repeat(70_000) });
    const answered = await ask(control, path, large);
    expect(answered).toMatchObject({
      status: 413,
      body: { code: 'ERR_SPLICEWAY_INVALID_REQUEST' },
    });
    const chunked = await ask(control, path, large, { 'Transfer-Encoding': 'chunked' });
    expect(chunked.status).toBe(413);
    const headers = await tell(
      control,
      `GET /v1/status HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    expect(headers).toMatch(/^HTTP\/1\.1 431 /);
    await unharmed();
  });

  it('and never ends is cut, and takes no memory', async () => {
    const { proxy, control, unharmed } = await startAttacked();
    const socket = await connectTo(control);
    socket.write(REQUEST.replace(/Length: \d+\r\n\r\n.*/s, `Length: ${10 ** 12}\r\n\r\n`));
    const piece = Buffer.alloc(MIB, 0x20);
    socket.resume();
    const before = memoryInUse();
    const closed = closeOf(socket);
    while (!socket.destroyed) {
      await Promise.race([new Promise((resolve) => socket.write(piece, resolve)), closed]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((memoryInUse().heap - before.heap) / MIB).toBeLessThan(32);
    expect(proxy.generation).toBe(1);
    await unharmed();
  });

  it('as JSON a million lists deep is refused as any other', async () => {
    const { control, unharmed } = await startAttacked();
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
    for (const body of [
      deep,
      `{"backends":${deep}}`,
      `{"listeners":{"a":${deep}},"pools":${deep}}`,
    ]) {
      const { status } = await ask(control, 'PUT /v1/config', body);
      expect([400, 422]).toContain(status);
    }
    await unharmed();
  });
});

describe('clients', () => {
  it('of whom a thousand come are let go but for some, and the next is served', async () => {
    const { control, unharmed, proxy } = await startAttacked();
    const before = openDescriptors();
    const sockets = Array.from({ length: 1000 }, () => {
      const socket = connect(control.path);
      socket.on('error', () => {});
      return socket;
    });
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    await until(
      'most are let go',
      () => sockets.filter((socket) => socket.closed || socket.readableEnded).length >= 900,
    );
    // The balancer does its work meanwhile.
    const session = await openClient(proxy.addresses()[0]?.port ?? 0);
    expect(await echoed(session, 'served')).toBe('served');
    session.destroy();
    for (const socket of sockets) socket.destroy();
    await untilBackTo(before);
    await unharmed();
  });

  it('who follow events are so many at most, and others are served', async () => {
    const { control, client, unharmed, proxy } = await startAttacked();
    const followers: Socket[] = [];
    for (let index = 0; index < 16; index++) {
      const socket = await connectTo(control);
      socket.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
      await within('the begin', once(socket, 'data'));
      followers.push(socket);
    }
    const refused = await ask(control, 'GET /v1/events');
    expect(refused).toMatchObject({
      status: 503,
      body: { code: 'ERR_SPLICEWAY_TOO_MANY_REQUESTS' },
    });
    // Refused as well, before anything is done.
    const drain = await ask(control, 'POST /v1/pools/default/backends/a/drain', { wait: true });
    expect(drain.status).toBe(503);
    expect(proxy.pool().backend('a').state).toBe('ready');
    await unharmed();
    for (const socket of followers) socket.destroy();
    await until('nobody follows', () => proxy.listenerCount('backend') === 0);
    for await (const event of client.events()) {
      expect(event.event).toBe('begin');
      break;
    }
  });

  it('who follow events and do not read lose some, are told how many, and hold nobody up', async () => {
    const { control, proxy, unharmed } = await startAttacked();
    proxy.on('warning', () => {});
    const slow = await connectTo(control);
    slow.setEncoding('utf8');
    let text = '';
    slow.on('data', (data: string) => {
      text += data;
    });
    slow.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('it has begun', () => text.includes('"begin"'));
    slow.pause();
    const before = memoryInUse();
    const count = 20_000;
    for (let index = 0; index < count; index++) {
      proxy.emit('warning', `${index} ${'x'.repeat(1000)}`);
      if (index % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect((memoryInUse().heap - before.heap) / MIB).toBeLessThan(8);
    await unharmed();
    slow.resume();
    const events = () =>
      [...text.matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line) as ControlEvent);
    await until('it is told of a loss', () => text.includes('"lost"'));
    const lost = () =>
      events().reduce((sum, event) => sum + (event.event === 'lost' ? event.count : 0), 0);
    const told = () => events().filter(({ event }) => event === 'warning').length;
    await until('all are told or counted', () => lost() + told() === count);
    expect(lost()).toBeGreaterThan(count / 2);
  });

  it('for whom there is no descriptor are cut off, and served when there is one again', async () => {
    const { control, unharmed } = await startAttacked();
    await unharmed();
    const sockets = await Promise.all(Array.from({ length: 4 }, () => connectTo(control)));
    const free = exhaustDescriptors();
    // What is open is answered; whoever comes takes a descriptor here as well.
    sockets[0]?.write('GET /v1/config HTTP/1.1\r\nHost: x\r\n\r\n');
    const [answer] = await within('an answer', once(sockets[0] as Socket, 'data'));
    expect(String(answer)).toContain('200 OK');
    sockets[1]?.destroy();
    await until('one is free', () => sockets[1]?.closed === true);
    const late = connect(control.path);
    late.on('error', () => {});
    await closeOf(late.resume());
    free();
    await unharmed();
  });

  it('who do not read their answers are let go with them', async () => {
    const { control, unharmed } = await startAttacked();
    for (let index = 0; index < 24; index++) {
      const socket = await connectTo(control);
      socket.pause();
      socket.write('GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
    }
    await unharmed();
  });
});
