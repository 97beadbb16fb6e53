/** The browser of the tests: one that hangs or ends is said to, and nobody waits for it for ever. */
import { chmodSync, writeFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { Chromium } from '../scripts/lib/chromium.js';
import { tempPath } from './helpers/temp.js';

/** Answers what is asked, as `answer` says, by the two pipes of DevTools. */
function browserThat(answer: string): string {
  const file = tempPath('browser.mjs');
  writeFileSync(
    file,
    `#!${process.execPath}
import { Socket } from 'node:net';
const [input, output] = [3, 4].map((fd) => new Socket({ fd }));
let rest = '';
input.setEncoding('utf8').on('data', (text) => {
  const messages = (rest + text).split('\\0');
  rest = messages.pop();
  for (const message of messages) {
    const { id, method } = JSON.parse(message);
    const answered = (result) => output.write(JSON.stringify({ id, result }) + '\\0');
    ${answer}
  }
});
`,
  );
  chmodSync(file, 0o755);
  return file;
}

async function started(answer: string): Promise<Chromium> {
  const browser = await Chromium.start(browserThat(answer));
  onTestFinished(() => browser.close());
  return browser;
}

it('a page that is never loaded is waited for up to a deadline', async () => {
  const browser = await started('answered({});');
  browser.deadlineMs = 5000;
  await expect(browser.open('http://page.test/')).rejects.toThrow(
    'http://page.test/ to be loaded: not within 5000 ms',
  );
});

it('a page that cannot be reached is said not to be', async () => {
  const browser = await started("answered({ errorText: 'net::ERR_CONNECTION_REFUSED' });");
  await expect(browser.open('http://page.test/')).rejects.toThrow('ERR_CONNECTION_REFUSED');
});

it('a browser that hangs is waited for up to a deadline', async () => {
  const browser = await started("if (method !== 'Page.navigate') answered({});");
  browser.deadlineMs = 5000;
  await expect(browser.open('http://page.test/')).rejects.toThrow(
    'the answer to Page.navigate: not within 5000 ms',
  );
});

it('a browser that ends while a page is loaded is said to have ended', async () => {
  const browser = await started(
    "answered({}); if (method === 'Page.navigate') { process.stderr.write('no memory'); setImmediate(() => process.exit(1)); }",
  );
  await expect(browser.open('http://page.test/')).rejects.toThrow('the browser has ended');
});
