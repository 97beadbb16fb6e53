/** What is typed on the line below the list. */
import type { Styled } from '../remote/terminal.js';
import type { Key } from './screen.js';

/** What a key has come to. */
export type Outcome = 'open' | 'accepted' | 'cancelled';

/** What stands on that line; where there is no room for all, the end of it has to be seen. */
export interface Said extends Styled {
  readonly end?: string;
}

/** Somebody is asked something. */
export interface Prompt {
  readonly shown: Said;
  press(key: Key): Outcome;
}

/** y, or whatever else. What is pasted agrees to nothing. */
export class YesPrompt implements Prompt {
  readonly shown: Said;

  constructor(question: string) {
    this.shown = { text: question, end: ' [y/N]', style: 'yellow' };
  }

  press({ letter, isPasted }: Key): Outcome {
    if (isPasted) return 'open';
    return letter.toLowerCase() === 'y' ? 'accepted' : 'cancelled';
  }
}

export class TextPrompt implements Prompt {
  readonly #label: string;
  text: string;

  constructor(label: string, text = '') {
    this.#label = label;
    this.text = text;
  }

  get shown(): Said {
    return { text: this.#label, end: `: ${this.text}_`, style: 'yellow' };
  }

  press({ name, letter, isPasted }: Key): Outcome {
    if (letter !== '') this.text += letter;
    else if (name === 'backspace') this.text = [...this.text].slice(0, -1).join('');
    else if (name === 'escape') return 'cancelled';
    else if ((name === 'return' || name === 'enter') && !isPasted) return 'accepted';
    return 'open';
  }
}
