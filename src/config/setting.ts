/** What a setting is. The settings themselves stand in settings.ts. */
import type * as z from '../vendor/zod.js';

/** What a setting is of: all of the process, each listener, each pool, or the command alone. */
export type Place = 'process' | 'listener' | 'pool' | 'command';

/** Behind the name of a setting once it is validated: what its number counts. */
export type Unit = '' | 'Ms' | 'Us';

/** A kind of value; kinds.ts has all that there are. */
export interface Kind<Value = unknown, Suffix extends Unit = Unit> {
  /** Checks what a user gives, and makes the validated value of it. */
  readonly schema: z.ZodType<Value>;
  readonly unit: Suffix;
  /** What follows its flag, as in `<duration>`; without it, the flag alone says it. */
  readonly placeholder?: string;
  /** The names to choose from. */
  readonly names?: readonly string[];
  /** What a description for editors ends with, where the schema cannot say it. */
  readonly form?: string;
  /** For the reference, in Markdown: which values there are. */
  readonly accepts: string;
  /** Whether only a program can give it. */
  readonly isFunction?: true;
  /** What the text of a flag is for the schema, which refuses what it does not know. */
  fromFlag(text: string): unknown;
  /** A validated value in words, for people. */
  format(value: unknown): string;
  /** A validated value as a program gives it. Without this, a program gives it as it is. */
  toOption?(value: unknown): unknown;
}

/** How the command takes a setting. The name of the flag follows from that of the setting. */
interface Flag {
  /** The heading of the help that it stands under. */
  readonly group: 'How:' | 'Limits:' | 'Logs, on standard error:';
  /** What the help says, without names and default. Left out: what holds without it says enough. */
  readonly help?: string;
  /** Whether the command line itself checks the names, and lists them. */
  readonly listsNames?: true;
}

/** One option: everything about it but what the program does with it. */
export interface Setting {
  readonly place: Place;
  readonly kind: Kind;
  /** As a user would write it; a function, where the machine decides. */
  readonly default?: string | number | boolean | (() => number);
  /** What holds without it, in words, where no fixed default says so. */
  readonly unset?: string;
  /** Of those that are not the process': whether a new value wants a restart all the same. */
  readonly fixed?: true;
  /** One sentence or a few, for editors and the reference. */
  readonly description: string;
  /** Where the documents say more: a link from docs/configuration.md, whose words are its anchor's. */
  readonly see?: string;
  readonly flag?: Flag;
}
