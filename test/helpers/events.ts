/** Server-sent events of a status address, as a browser reads them. */
import { type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';
import type { StatusAddress } from '../../src/control/status/types.js';
import { until, within } from './deadline.js';

export interface Event {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: any JSON
  readonly data: any;
}

export class EventReader {
  readonly seen: Event[] = [];
  readonly answer: IncomingMessage;
  isOver = false;
  #rest = '';

  private constructor(answer: IncomingMessage) {
    this.answer = answer;
    answer.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    answer.on('error', () => {});
    answer.on('close', () => {
      this.isOver = true;
    });
  }

  /** @param status where; the stream ends with the test */
  static async open({ address }: Pick<StatusAddress, 'address'>): Promise<EventReader> {
    const { address: host, port } = address;
    const sent = request({ host, port, path: '/api/v1/events', agent: false });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve).on('error', reject);
    });
    sent.end();
    const reader = new EventReader(await within('an answer', answered));
    onTestFinished(() => reader.close());
    return reader;
  }

  close(): void {
    this.answer.destroy();
  }

  /** The first one of a kind, also one that has come already, for which something holds. */
  async first(
    name: string,
    holds: (data: Event['data']) => boolean = () => true,
  ): Promise<Event['data']> {
    const found = () => this.seen.find(({ event, data }) => event === name && holds(data));
    await until(`an event ${name}`, () => found() !== undefined || this.isOver);
    const event = found();
    if (event === undefined) throw new Error(`the stream is over, without ${name}`);
    return event.data;
  }

  #read(text: string): void {
    const messages = (this.#rest + text).split('\n\n');
    this.#rest = messages.pop() ?? '';
    for (const message of messages) {
      const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(message) ?? [];
      this.seen.push({ event, data: JSON.parse(data) });
    }
  }
}
