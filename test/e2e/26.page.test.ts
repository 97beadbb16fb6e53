/** The page of the status address, in a real browser. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import axe from 'axe-core';
import { expect, onTestFinished, test } from 'vitest';
import { Chromium } from '../../scripts/lib/chromium.js';
import { createProxy, createStatus, type Proxy as RunningProxy } from '../../src/index.js';
import { EventReader } from '../helpers/events.js';
import { startEcho } from '../helpers/servers.js';
import { echoed, openClient } from '../helpers/services.js';
import { describeWith, program } from './helpers/programs.js';
import { engines } from './helpers/proxy.js';
import { waitUntil } from './helpers/wait.js';

const health = { type: 'tcp', interval: '300ms', timeout: '30s' } as const;

/** What the browser noticed that it should not have. */
interface Noticed {
  /** Addresses that were asked for. */
  readonly requests: string[];
  readonly errors: string[];
}

async function openPage(url: string): Promise<{ page: Chromium; noticed: Noticed }> {
  const page = await Chromium.start(program('chromium'));
  onTestFinished(() => page.close());
  const noticed: Noticed = { requests: [], errors: [] };
  page.on('Network.requestWillBeSent', ({ request }) => noticed.requests.push(request.url));
  page.on('Runtime.exceptionThrown', ({ exceptionDetails }) =>
    noticed.errors.push(exceptionDetails.exception?.description ?? exceptionDetails.text),
  );
  page.on('Log.entryAdded', ({ entry }) => {
    if (entry.source === 'security' || entry.source === 'javascript')
      noticed.errors.push(entry.text);
  });
  await page.send('Page.addScriptToEvaluateOnNewDocument', {
    source:
      "globalThis.violations = []; document.addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective + ' ' + event.blockedURI))",
  });
  await page.show({ width: 1440, height: 900 });
  await page.open(url);
  return { page, noticed };
}

/** Until the page says so. */
const says = (page: Chromium, selector: string, text: string) =>
  waitUntil(
    async () =>
      (await page.evaluate(
        `[...document.querySelectorAll(${JSON.stringify(selector)})].some((found) => found.checkVisibility() && found.innerText.includes(${JSON.stringify(text)}))`,
      )) === true,
    { what: `${selector} to say ${text}` },
  );

const rowsOf = (page: Chromium): Promise<string[]> =>
  page.evaluate(
    "[...document.querySelectorAll('.pool tbody th > :first-child')].map((cell) => cell.textContent)",
  );

/** The site of somebody else. @returns its port, on loopback */
async function startOther(): Promise<number> {
  const server = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html').end('<!doctype html><title>other</title><body>');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function start(options: Parameters<typeof createProxy>[0]) {
  const proxy: RunningProxy = await createProxy(options);
  onTestFinished(() => proxy.close());
  const status = await createStatus(proxy, { address: '127.0.0.1:0', name: 'edge <b>1</b>' });
  onTestFinished(() => status.close());
  return { proxy, status };
}

describeWith({ chromium: 'chromium' }, 'the page', () => {
  test.each(engines)('shows states, and a backend that goes down, with %s', async (engine) => {
    const [one, two] = [await startEcho(), await startEcho()];
    const { proxy, status } = await start({
      engine,
      listen: '127.0.0.1:0',
      backends: [`${one.address},name=a`, `${two.address},name=b`],
      health,
    });
    const { page, noticed } = await openPage(status.url);
    await says(page, 'h1', 'edge <b>1</b>');
    await says(page, '#verdict', 'all 2 backends up');
    await says(page, '.pool h3', '2 of 2 up');
    const [address] = proxy.addresses();
    const client = await openClient(address?.port ?? 0);
    await echoed(client, 'x'.repeat(3000));
    await says(page, '#tiles', '1 since the start');
    await says(page, '#sessions', '3 kB');
    await says(page, '#clients', '127.0.0.1');
    await says(page, '#times', 'default');
    client.end();
    await says(page, '#ends', 'finished');
    await two.close();
    await says(page, '#verdict', '1 of 2 backends down');
    await says(page, '.sick', 'down');
    await says(page, '.sick .why', 'connect refused');
    // Whoever is not well comes first.
    expect(await rowsOf(page)).toEqual(['b', 'a']);
    await says(page, '#event-list', 'default/b down: connect refused');
    void proxy.pool().backend('a').drain();
    await says(page, '.pool', 'draining');
    await says(page, '#verdict', 'default: nobody to pick');
    expect(await page.evaluate('document.title')).toContain('nobody to pick');
    expect(await page.evaluate('violations')).toEqual([]);
    expect(noticed.errors).toEqual([]);
    const elsewhere = noticed.requests.filter((url) => !url.startsWith(status.url));
    expect(elsewhere).toEqual([]);
    expect(noticed.requests.length).toBeGreaterThan(5);
  });

  test('says that it has lost its balancer, and goes on when that is back', async () => {
    const echo = await startEcho();
    const options = { listen: '127.0.0.1:0', backends: [`${echo.address},name=a`] };
    const { proxy, status } = await start(options);
    const { page } = await openPage(status.url);
    await says(page, '#verdict', 'the backend is up');
    await status.close();
    await says(page, '#lost', 'No word from the balancer since');
    // Somebody else may have its port for a moment.
    const again = await waitUntil(
      () =>
        createStatus(proxy, { address: `127.0.0.1:${status.address.port}` }).catch(
          () => false as const,
        ),
      { what: 'the port to be free' },
    );
    onTestFinished(() => again.close());
    await waitUntil(
      async () => (await page.evaluate("document.getElementById('lost').hidden")) === true,
      {
        what: 'the page to go on',
      },
    );
    await says(page, 'h1', `127.0.0.1:${status.address.port}`);
  });

  test('says that too many watch where it is the ninth, and goes on when one has left', async () => {
    const echo = await startEcho();
    const { status } = await start({ listen: '127.0.0.1:0', backends: [echo.address] });
    const others: EventReader[] = [];
    for (let count = 0; count < 8; count++) others.push(await EventReader.open(status));
    expect(others.map(({ answer }) => answer.statusCode)).toEqual(others.map(() => 200));
    const { page, noticed } = await openPage(status.url);
    await says(page, '#lost', 'too many watch already');
    expect(await page.evaluate('document.title')).toContain('no figures');
    others[0]?.close();
    await says(page, '#verdict', 'the backend is up');
    await waitUntil(
      async () => (await page.evaluate("document.getElementById('lost').hidden")) === true,
      { what: 'the page to go on' },
    );
    expect(noticed.errors).toEqual([]);
  });

  test.each(['localhost', '127.0.0.1'])(
    'is not for a page at another place of %s, but for a link on it',
    async (host) => {
      const echo = await startEcho();
      const { status } = await start({ listen: '127.0.0.1:0', backends: [echo.address] });
      const other = await startOther();
      const page = await Chromium.start(program('chromium'));
      onTestFinished(() => page.close());
      // What is sent and what is answered come in any order.
      const asked = new Map<string, string>();
      const answered = new Map<string, number>();
      page.on('Network.requestWillBeSent', ({ requestId, request }) =>
        asked.set(requestId, request.url),
      );
      page.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) =>
        answered.set(requestId, statusCode),
      );
      const codes = () =>
        [...asked]
          .filter(([id, url]) => url.startsWith(status.url) && answered.has(id))
          .map(([id, url]) => `${answered.get(id)} ${url.slice(status.url.length)}`);
      await page.open(`http://${host}:${other}/`);
      const came = await page.evaluate(`Promise.all([
      fetch('${status.url}metrics').then(() => 'metrics', () => ''),
      fetch('${status.url}api/v1/status', { mode: 'no-cors' }).then((answer) => answer.text(), () => ''),
      fetch('${status.url}api/v1/sessions', { method: 'POST', mode: 'no-cors' }).then((answer) => answer.text(), () => ''),
      ...[['img', 'page/icon.svg'], ['script', 'page/main.js']].map(([name, path]) => new Promise((resolve) => {
        const element = document.createElement(name);
        element.onload = () => resolve(name);
        element.onerror = () => resolve('');
        element.src = '${status.url}' + path;
        document.body.append(element);
      })),
      new Promise((resolve) => {
        const source = new EventSource('${status.url}api/v1/events');
        source.onopen = () => resolve('events');
        source.onerror = () => resolve('');
      }),
    ])`);
      expect(came).toEqual(['', '', '', '', '', '']);
      // It does not always tell of each.
      await waitUntil(() => codes().length > 0, { what: 'an answer to be noticed' });
      expect(codes().filter((code) => !code.startsWith('403 '))).toEqual([]);
      await page.evaluate(`location.href = '${status.url}'; undefined`);
      await says(page, '#verdict', 'the backend is up');
    },
  );

  test('is for two hundred backends, the keyboard, a telephone, and whoever cannot see it', async () => {
    const echo = await startEcho();
    const backends = Array.from({ length: 200 }, (_, index) => ({
      name: `node-${index}`,
      address: `127.0.1.${index}:${echo.port}`,
    }));
    const { proxy, status } = await start({ listen: '127.0.0.1:0', backends });
    proxy.pool().backend('node-77').setHealth('down');
    const { page } = await openPage(status.url);
    await says(page, '#verdict', '1 of 200 backends down');
    // Those that are well are folded away.
    expect(await rowsOf(page)).toEqual(['node-77']);
    // All of it is reached by Tab: what skips, the filter, the rest.
    await page.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the pools');
    await page.press('/');
    expect(await page.evaluate('document.activeElement.id')).toBe('filter');
    for (const letter of 'node-19') await page.press(letter, letter);
    await waitUntil(async () => (await rowsOf(page)).length === 11, { what: 'eleven to be found' });
    await page.press('Escape');
    expect(await rowsOf(page)).toEqual(['node-77']);
    await page.evaluate("document.querySelector('.pool button').focus()");
    await page.press('Enter', '\r');
    await waitUntil(async () => (await rowsOf(page)).length === 200, { what: 'all to be shown' });
    expect(await page.evaluate("document.querySelector('.pool button').ariaExpanded")).toBe('true');
    for (const isDark of [false, true]) {
      await page.show({ width: 1440, height: 900, isDark });
      await page.evaluate(`${axe.source}; undefined`);
      const complaints = await page.evaluate(
        "axe.run().then(({ violations, passes }) => passes.length < 20 ? ['axe looked at nothing'] : violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).slice(0, 3).join(' ')))",
      );
      expect(complaints).toEqual([]);
    }
    await page.show({ width: 390, height: 844, isPhone: true });
    const widths = await page.evaluate('[document.documentElement.scrollWidth, innerWidth]');
    expect(widths).toEqual([390, 390]);
  });
});
