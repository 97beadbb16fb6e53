/** A configuration file that is read more than once, and the flags that stand beside it. */
import { createHash } from 'node:crypto';
import { parseConfigFile, readConfigFile } from '../config/file.js';
import type { ConfigPath } from '../config/issues.js';
import { withSettings } from '../config/services.js';
import type { CommandConfig, CommandSettings, Settings } from '../config/types.js';

/** What a file said when it was read. */
export interface ReadConfig {
  /** With the flags over it. */
  readonly config: CommandConfig;
  /** `file:line:column` of a value. */
  positionOf(path: ConfigPath): string;
}

export class ConfigSource {
  readonly file: string;
  readonly #settings: Partial<Settings & CommandSettings>;
  /** Of the text that was read last, whatever became of it. */
  #digest = '';

  /** @param settings of flags, which win over the file */
  constructor(file: string, settings: Partial<Settings & CommandSettings>) {
    this.file = file;
    this.#settings = settings;
  }

  /** Standard input has an end. */
  get isReadAgain(): boolean {
    return this.file !== '-';
  }

  /**
   * Reads the file.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_CONFIG_FILE`, a line for each error
   */
  read(): ReadConfig {
    const text = readConfigFile(this.file);
    this.#digest = digestOf(text);
    return this.#parse(text);
  }

  /**
   * The text as it is now, for somebody who does not apply it. Errors as `read()`.
   *
   * @returns what tells it from another one, and what it says
   */
  look(): { readonly digest: string; read(): ReadConfig } {
    const text = readConfigFile(this.file);
    return { digest: digestOf(text), read: () => this.#parse(text) };
  }

  /** Whether it has another text than it had at the last `read()`, or has one that cannot be read. */
  hasChanged(): boolean {
    try {
      return digestOf(readConfigFile(this.file)) !== this.#digest;
    } catch (error) {
      const { cause } = error as { cause?: NodeJS.ErrnoException };
      return cause?.code !== 'ENOENT';
    }
  }

  #parse(text: string): ReadConfig {
    const { config, positionOf } = parseConfigFile(this.file, text);
    return { config: withSettings(config, this.#settings), positionOf };
  }
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('base64');
