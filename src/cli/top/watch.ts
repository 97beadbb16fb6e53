/** Looks again and again, draws what it sees, and does what keys say. */
import type { ControlClient } from '../../control/client.js';
import { SplicewayError } from '../../errors/catalogue.js';
import { clearInterval, now, setInterval } from '../../timers.js';
import { labelOf } from '../remote/target.js';
import { formatAge } from '../remote/words.js';
import { frameOf } from './frame.js';
import { changeable, endOffer, type Offer, Refusal, setWeight, stateOffer } from './offers.js';
import { type Outcome, type Prompt, type Said, TextPrompt, YesPrompt } from './prompt.js';
import { type Figures, Looks } from './rates.js';
import { type Key, Screen } from './screen.js';
import { Selection } from './selection.js';
import { type ListedSessions, SessionLooks } from './sessions.js';

/** How long an answer stays in sight. */
const SAID_MS = 10_000;
/** A list of sessions is asked for so rarely that it takes a tenth of the time at most. */
const REST_PER_LIST = 9;
/** An answer that takes longer is worth a word. */
const PATIENCE_MS = 3000;

/** Somebody is asked something, and this is told what came of it. */
interface Asking {
  readonly prompt: Prompt;
  readonly then: (outcome: Outcome) => void;
}

export class Watch {
  readonly #client: ControlClient;
  readonly #intervalMs: number;
  readonly #screen: Screen;
  readonly #looks = new Looks();
  #sessionLooks = new SessionLooks();
  readonly #selection = new Selection();
  /** There from the first look on: nothing is drawn before. */
  #figures: Figures | undefined;
  #listed: ListedSessions = { count: 0, sessions: [] };
  #nextListAt = 0;
  #isLooking = false;
  #answeredAt = 0;
  #problem: string | undefined;
  #asking: Asking | undefined;
  #said: { readonly what: Said; readonly at: number } | undefined;
  #isHelp = false;
  /** Keys that were obeyed: none of them answered a question. */
  #pressed = 0;
  #end: (error?: unknown) => void = () => {};

  constructor(client: ControlClient, intervalMs: number) {
    this.#client = client;
    this.#intervalMs = intervalMs;
    this.#screen = new Screen({
      onKey: (key) => this.#press(key),
      onStale: () => this.#draw(),
      onEnd: () => this.#end(),
    });
  }

  /** Resolves when somebody quits. @throws SplicewayError where nobody answers at first */
  async untilEnough(): Promise<void> {
    this.#figures = this.#looks.next(await this.#client.status(), now());
    this.#answeredAt = now();
    this.#selection.update(this.#figures, this.#listed);
    const enough = new Promise<void>((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#screen.open();
    const timer = setInterval(() => this.#tick(), this.#intervalMs);
    try {
      this.#draw();
      await enough;
    } finally {
      clearInterval(timer);
      this.#screen.close();
    }
  }

  #tick(): void {
    this.#look().catch((error) => this.#end(error));
    // What the figures are old for is seen meanwhile.
    if (this.#troubleNow() !== undefined) this.#draw();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const status = await this.#client.status();
      this.#figures = this.#looks.next(status, now());
      if (this.#selection.page === 'sessions') await this.#list();
      if (this.#problem !== undefined) {
        this.#say({ text: 'the balancer answers again', style: 'green' });
      }
      this.#problem = undefined;
      this.#answeredAt = now();
    } catch (error) {
      this.#problem = wordsOf(error);
    } finally {
      this.#isLooking = false;
    }
    this.#refresh();
  }

  async #list(): Promise<void> {
    const begun = now();
    if (begun < this.#nextListAt) return;
    const listed = await this.#client.sessions();
    const ended = now();
    this.#listed = this.#sessionLooks.next(listed, ended);
    this.#nextListAt = ended + (ended - begun) * REST_PER_LIST;
  }

  #refresh(): void {
    if (this.#figures !== undefined) this.#selection.update(this.#figures, this.#listed);
    this.#draw();
  }

  #draw(): void {
    if (this.#figures === undefined) return;
    const { page, order, filter, rows, count, chosen, first } = this.#selection;
    const view = {
      ...{ page, order, filter, rows, count, chosen, first },
      said: this.#asking?.prompt.shown ?? this.#saidNow(),
      trouble: this.#troubleNow(),
      isHelp: this.#isHelp,
    };
    const frame = frameOf(this.#figures, view, this.#screen.size);
    this.#selection.first = frame.first;
    this.#selection.room = frame.room;
    this.#screen.draw(frame.lines);
  }

  #troubleNow(): string | undefined {
    const age = now() - this.#answeredAt;
    if (this.#problem !== undefined) return `no answer for ${formatAge(age)}: ${this.#problem}`;
    return this.#isLooking && age > this.#intervalMs + PATIENCE_MS
      ? `no answer for ${formatAge(age)}`
      : undefined;
  }

  #saidNow(): Said | undefined {
    const said = this.#said;
    return said === undefined || now() - said.at > SAID_MS ? undefined : said.what;
  }

  #say(what: Said): void {
    this.#said = { what, at: now() };
  }

  #press(key: Key): void {
    if (key.ctrl && key.name === 'c') {
      this.#end();
      return;
    }
    const asking = this.#asking;
    if (asking !== undefined) {
      const outcome = asking.prompt.press(key);
      if (outcome !== 'open') this.#asking = undefined;
      asking.then(outcome);
    } else if (!key.isPasted) {
      this.#pressed += 1;
      this.#said = undefined;
      if (this.#isHelp) this.#isHelp = false;
      else this.#obey(key);
    }
    this.#refresh();
  }

  #obey({ name, letter }: Key): void {
    const { room } = this.#selection;
    const moves: Readonly<Record<string, number>> = {
      ...{ up: -1, k: -1, down: 1, j: 1 },
      ...{ pageup: -room, pagedown: room },
      ...{ home: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY },
    };
    const by = moves[letter === '' ? name : letter];
    if (by !== undefined) this.#selection.move(by);
    else if (name === 'tab') this.#turnPage();
    else if (name === 'escape') this.#selection.filter = '';
    else this.#obeyLetter(letter);
  }

  #obeyLetter(letter: string): void {
    const { row } = this.#selection;
    if (letter === 'q') this.#end();
    else if (letter === '?' || letter === 'h') this.#isHelp = true;
    else if (letter === 's') this.#selection.nextOrder();
    else if (letter === '/') this.#askFilter();
    else if (letter === 'd') this.#offer(stateOffer(this.#client, row, 'drain'));
    else if (letter === 'm') this.#offer(stateOffer(this.#client, row, 'maintenance'));
    else if (letter === 'r') this.#offer(stateOffer(this.#client, row, 'ready'));
    else if (letter === 'w') this.#askWeight();
    else if (letter === 'K') this.#offerEnd();
  }

  #turnPage(): void {
    this.#selection.turnPage();
    // What moved while others were looked at is no rate of now.
    this.#sessionLooks = new SessionLooks();
    this.#nextListAt = 0;
    this.#tick();
  }

  #askFilter(): void {
    const before = this.#selection.filter;
    const prompt = new TextPrompt('only those with', before);
    const then = (outcome: Outcome) => {
      this.#selection.filter = outcome === 'cancelled' ? '' : prompt.text;
    };
    this.#asking = { prompt, then };
  }

  #askWeight(): void {
    const backend = changeable(this.#selection.row);
    if (backend instanceof Refusal) {
      this.#refuse(backend);
      return;
    }
    const label = labelOf({ pool: backend.pool, backend: backend.name });
    const prompt = new TextPrompt(`weight of ${label}, now ${backend.weight}; 1 to 1000, or auto`);
    const then = (outcome: Outcome) => {
      if (outcome === 'open') return;
      if (outcome === 'cancelled' || prompt.text === '') this.#sayNothingChanged();
      else this.#change(() => setWeight(this.#client, backend, prompt.text));
    };
    this.#asking = { prompt, then };
  }

  #offer(offer: Offer | Refusal): void {
    if (offer instanceof Refusal) {
      this.#refuse(offer);
      return;
    }
    const then = (outcome: Outcome) => {
      if (outcome === 'accepted') this.#change(offer.make);
      else if (outcome === 'cancelled') this.#sayNothingChanged();
    };
    this.#asking = { prompt: new YesPrompt(offer.question), then };
  }

  /** Sessions of a backend take a moment to find: what is pressed meanwhile is about something else. */
  #offerEnd(): void {
    const { row } = this.#selection;
    const status = this.#figures?.status;
    if (status === undefined) return;
    const count = this.#pressed;
    if (row?.kind === 'backend') this.#say({ text: 'looking for its sessions…' });
    this.#try(async () => {
      const offer = await endOffer(this.#client, status, row);
      if (this.#pressed !== count) return;
      this.#said = undefined;
      const isChosen = this.#selection.row?.key === row?.key;
      this.#offer(isChosen ? offer : new Refusal('another row is chosen by now'));
    });
  }

  #refuse({ reason }: Refusal): void {
    this.#say({ text: reason, style: 'yellow' });
  }

  #sayNothingChanged(): void {
    this.#say({ text: 'nothing has changed' });
  }

  #change(make: () => Promise<string>): void {
    this.#try(async () => {
      this.#say({ text: await make(), style: 'green' });
      await this.#look();
    });
  }

  /** What the balancer refuses is said; anything else ends it. */
  #try(work: () => Promise<void>): void {
    const attempt = async () => {
      try {
        await work();
      } catch (error) {
        this.#say({ text: wordsOf(error), style: 'red' });
      }
      this.#refresh();
    };
    attempt().catch((error) => this.#end(error));
  }
}

/** Of an error that a balancer, or the way to it, may have. @throws any other one */
function wordsOf(error: unknown): string {
  if (!(error instanceof SplicewayError)) throw error;
  return error.message.split('\n')[0] ?? '';
}
