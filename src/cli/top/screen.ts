/** A terminal that is drawn on as a whole, and given back as it was. It is asked nothing: lines over which it is reached may be slow. */
import { emitKeypressEvents } from 'node:readline';
import {
  cursorHide,
  cursorShow,
  cursorTo,
  enterAlternativeScreen,
  eraseEndLine,
  eraseScreen,
  exitAlternativeScreen,
} from '../../vendor/ansi-escapes.js';
import { isBehind, print } from '../output.js';
import type { Size } from './frame.js';

/** What is wider than was thought, as letters of East Asia are, is cut at the edge: DECAWM. */
const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';
/** What is pasted is told apart from what is typed. */
const TELL_PASTE = '\x1b[?2004h';
const NO_PASTE = '\x1b[?2004l';
/** Of a terminal that does not say: 0. */
const USUAL: Size = { columns: 80, rows: 24 };

const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

export interface Key {
  /** Such as `d`, `up`, `escape`. */
  readonly name: string;
  /** The letter that was typed; `''` where it was none. */
  readonly letter: string;
  readonly ctrl: boolean;
  readonly isPasted: boolean;
}

/** What happens at a terminal. */
export interface ScreenEvents {
  onKey(key: Key): void;
  /** Another size, or back from where it was stopped: nothing that was drawn is there. */
  onStale(): void;
  /** Nobody types any more. */
  onEnd(): void;
}

export class Screen {
  readonly #input = process.stdin;
  readonly #output = process.stdout;
  readonly #events: ScreenEvents;
  #shown: readonly string[] = [];
  #isOpen = false;
  #isPasting = false;
  readonly #onPress = (letter?: string, key?: KeyPress) => this.#press(letter, key);
  readonly #onEnd = () => this.#events.onEnd();
  readonly #onSize = () => this.#renew();
  readonly #onStop = () => this.#stop();
  readonly #onContinue = () => this.#continue();
  readonly #onExit = () => this.#leave();
  readonly #onSignal = (signal: NodeJS.Signals) => this.#endBy(signal);

  constructor(events: ScreenEvents) {
    this.#events = events;
  }

  get size(): Size {
    const { columns, rows } = this.#output;
    return columns > 0 && rows > 0 ? { columns, rows } : USUAL;
  }

  open(): void {
    emitKeypressEvents(this.#input);
    this.#listen('on');
    this.#enter();
    this.#input.resume();
  }

  close(): void {
    this.#leave();
    this.#listen('off');
    this.#input.pause();
  }

  #listen(way: 'on' | 'off'): void {
    this.#input[way]('keypress', this.#onPress);
    for (const event of ['end', 'error']) this.#input[way](event, this.#onEnd);
    this.#output[way]('resize', this.#onSize);
    process[way]('SIGTSTP', this.#onStop);
    process[way]('SIGCONT', this.#onContinue);
    // What nobody foresaw ends the process, and is printed where it can be read.
    process[way]('exit', this.#onExit);
    for (const signal of ENDING) process[way](signal, this.#onSignal);
  }

  /** Writes the lines that are others than before; none while the terminal has not taken what was written before. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen || isBehind()) return;
    const changed = lines.flatMap((text, row) =>
      // A line as wide as the terminal would lose its last letter to what is erased behind it.
      text === this.#shown[row] ? [] : [cursorTo(0, row) + eraseEndLine + text],
    );
    this.#shown = lines;
    if (changed.length > 0) print(changed.join(''));
  }

  #enter(): void {
    this.#isOpen = true;
    this.#shown = [];
    this.#input.setRawMode(true);
    print(enterAlternativeScreen + cursorHide + NO_WRAP + TELL_PASTE + eraseScreen);
  }

  #leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    print(NO_PASTE + WRAP + cursorShow + exitAlternativeScreen);
    this.#input.setRawMode(false);
  }

  #renew(): void {
    if (!this.#isOpen) return;
    this.#shown = [];
    print(eraseScreen);
    this.#events.onStale();
  }

  /** The shell has the terminal then. Where there is none that could let it go on, the kernel does not stop it. */
  #stop(): void {
    this.#leave();
    process.off('SIGTSTP', this.#onStop);
    process.kill(process.pid, 'SIGTSTP');
    process.on('SIGTSTP', this.#onStop);
    this.#continue();
  }

  /** Somebody else may have set the terminal up in another way meanwhile. */
  #continue(): void {
    this.#input.setRawMode(false);
    this.#enter();
    this.#events.onStale();
  }

  /** Ends as it would have without the terminal to care for. */
  #endBy(signal: NodeJS.Signals): void {
    this.close();
    process.kill(process.pid, signal);
  }

  #press(letter: string | undefined, key: KeyPress = {}): void {
    const { name = '', ctrl = false } = key;
    if (name === 'paste-start' || name === 'paste-end') {
      this.#isPasting = name === 'paste-start';
      return;
    }
    // Raw mode gives the process what else the terminal makes a signal of.
    if (ctrl && name === 'z') {
      process.kill(0, 'SIGTSTP');
      return;
    }
    const isLetter = letter !== undefined && !ctrl && !key.meta && !/\p{C}/u.test(letter);
    this.#events.onKey({
      name,
      letter: isLetter ? letter : '',
      ctrl,
      isPasted: this.#isPasting,
    });
  }
}

interface KeyPress {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
}
