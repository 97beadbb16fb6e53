/** Chromium without a window, led by its DevTools protocol through two pipes: no port, and no package. */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const flags = [
  '--headless=new',
  '--remote-debugging-pipe',
  // Its sandbox wants what containers and root have not. It sees nothing but our own page.
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-extensions',
  '--disable-sync',
  '--force-color-profile=srgb',
  '--hide-scrollbars',
  '--no-default-browser-check',
  '--no-first-run',
  '--password-store=basic',
];

/** Characters of what a browser says. */
const MOST_COMPLAINTS = 2000;

/**
 * @typedef {object} Answer
 * @property {number} [id]
 * @property {string} [method]
 * @property {any} [params]
 * @property {any} [result]
 * @property {{ message: string }} [error]
 */

/** One window. It emits the events of the protocol, by their names. */
export class Chromium extends EventEmitter {
  #process;
  #folder;
  #count = 0;
  /** @type {Map<number, (answer: Answer) => void>} */
  #asked = new Map();
  /** @type {string | undefined} */
  #session;
  /** @type {Promise<unknown>} */
  #exited;
  #hasExited = false;
  /** The end of what it has complained of. */
  #complaints = '';

  /** For each answer, and for a page to be loaded: a browser that hangs says nothing. */
  deadlineMs = 60_000;

  /** @param {string} file the program */
  constructor(file) {
    super();
    this.#folder = mkdtempSync(path.join(tmpdir(), 'spliceway-chromium-'));
    this.#process = spawn(file, [...flags, `--user-data-dir=${this.#folder}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      // It starts others, which end with it.
      detached: true,
    });
    this.#exited = once(this.#process, 'exit').catch(() => {});
    void this.#exited.then(() => {
      this.#hasExited = true;
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      this.#complaints = (this.#complaints + text).slice(-MOST_COMPLAINTS);
    });
    this.#read(/** @type {import('node:stream').Readable} */ (this.#process.stdio[4]));
    this.#input.on('error', () => {});
  }

  /** @param {string} file @returns {Promise<Chromium>} */
  static async start(file) {
    const browser = new Chromium(file);
    try {
      const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await browser.send('Target.attachToTarget', {
        targetId,
        flatten: true,
      });
      browser.#session = sessionId;
      for (const domain of ['Page', 'Runtime', 'Network', 'Log']) {
        await browser.send(`${domain}.enable`);
      }
      return browser;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  get #end() {
    return `the browser has ended: ${this.#complaints.trim()}`;
  }

  get #input() {
    return /** @type {import('node:stream').Writable} */ (this.#process.stdio[3]);
  }

  /** @param {import('node:stream').Readable} output */
  #read(output) {
    let rest = '';
    output.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#told(JSON.parse(message));
    });
    output.on('error', () => {});
  }

  /** @param {Answer} message */
  #told(message) {
    if (message.id !== undefined) this.#asked.get(message.id)?.(message);
    else if (message.method !== undefined) this.emit(message.method, message.params);
  }

  /** @param {string} method of the protocol @param {object} [params] @returns {Promise<any>} */
  async send(method, params = {}) {
    if (this.#hasExited) throw new Error(`${method}: ${this.#end}`);
    this.#count += 1;
    const id = this.#count;
    const sessionId = this.#session;
    /** @type {Promise<Answer>} */
    const answered = new Promise((resolve) => this.#asked.set(id, resolve));
    this.#input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { error, result } = await this.#within(`the answer to ${method}`, answered);
    this.#asked.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** @param {string} expression in the page; a promise is waited for @returns {Promise<any>} as JSON has it */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails === undefined) return result.value;
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }

  /** @template T @param {string} what @param {Promise<T>} wanted @returns {Promise<T>} */
  async #within(what, wanted) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((_, reject) => {
      const words = `${what}: not within ${this.deadlineMs} ms`;
      timer = setTimeout(() => reject(new Error(words)), this.deadlineMs);
    });
    const ended = this.#exited.then(() => {
      throw new Error(`${what}: ${this.#end}`);
    });
    try {
      return /** @type {T} */ (await Promise.race([wanted, late, ended]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} url */
  async open(url) {
    const loaded = once(this, 'Page.loadEventFired');
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
    await this.#within(`${url} to be loaded`, loaded);
  }

  /** @param {{ width: number, height: number, scale?: number, isDark?: boolean, isPhone?: boolean }} screen */
  async show({ width, height, scale = 1, isDark = false, isPhone = false }) {
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: scale,
      mobile: isPhone,
    });
    const scheme = { name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' };
    await this.send('Emulation.setEmulatedMedia', { features: [scheme] });
  }

  /** @param {string} key as `KeyboardEvent.key` has it @param {string} [text] what it types */
  async press(key, text) {
    const code = { Tab: 9, Enter: 13, Escape: 27 }[key] ?? 0;
    const what = { key, windowsVirtualKeyCode: code, ...(text === undefined ? {} : { text }) };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...what });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
  }

  /** @returns {Promise<Buffer>} a PNG of what is on the screen */
  async picture() {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  /** Idempotent. */
  async close() {
    const { pid } = this.#process;
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
    await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
