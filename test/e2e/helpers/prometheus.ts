/** A Prometheus that asks a status address every second, and its tool. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from '../../../scripts/lib/port.js';
import { Daemon } from './daemon.js';
import { program } from './programs.js';
import { Server } from './server.js';
import { makeTempFolder } from './temp-folder.js';
import { waitUntil } from './wait.js';

export const prometheusNeeds = { prometheus: 'prometheus', promtool: 'prometheus' };

/** An alert that waits for its time, or fires. */
export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

export class Prometheus extends Server {
  /** @param rules text of a file of rules */
  static async start(target: string, rules = 'groups: []'): Promise<Prometheus> {
    const folder = await makeTempFolder('prometheus');
    const file = path.join(folder, 'prometheus.yml');
    await writeFile(path.join(folder, 'rules.yml'), rules);
    await writeFile(
      file,
      `
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: spliceway
    static_configs: [{ targets: ['${target}'] }]
`,
    );
    const port = await freePort();
    const daemon = new Daemon(program('prometheus'), [
      `--config.file=${file}`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await daemon.ready(async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok);
    return new Prometheus(daemon, folder, port);
  }

  /** Values of what an expression has now. */
  async query(expression: string): Promise<readonly number[]> {
    const asked = `query?query=${encodeURIComponent(expression)}`;
    const { result } = await this.#get<{ result: { value: [number, string] }[] }>(asked);
    return result.map(({ value }) => Number(value[1]));
  }

  /** Resolves when an expression has this one value. */
  async is(expression: string, value: number): Promise<void> {
    await waitUntil(async () => (await this.query(expression))[0] === value, {
      what: `${expression} to be ${value}`,
    });
  }

  async alerts(): Promise<readonly Alert[]> {
    return (await this.#get<{ alerts: Alert[] }>('alerts')).alerts;
  }

  async #get<Data>(asked: string): Promise<Data> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/api/v1/${asked}`);
    const { data, error } = (await answer.json()) as { data: Data; error?: string };
    if (error !== undefined) throw new Error(`${asked}: ${error}`);
    return data;
  }
}
