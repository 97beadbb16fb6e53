/** An nginx that says at `/health` that it is not well gets no requests until it is, and then few at first. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { stopAfterwards } from './helpers/cleanup.js';
import { nginxNeeds, startNginx } from './helpers/nginx.js';
import { startPool } from './helpers/pool.js';
import { describeWith } from './helpers/programs.js';
import { engines } from './helpers/proxy.js';
import type { Server } from './helpers/server.js';
import { waitUntil } from './helpers/wait.js';
import { Wrk, wrkNeeds } from './helpers/wrk.js';

const page = (port: number, folder: string) => `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { return 200 "page"; }
    location /health {
      if (-f ${folder}/ill) { return 503; }
      return 200;
    }
  }`;

const health = {
  ...{ type: 'http' as const, path: '/health', statuses: 200 },
  ...{ interval: '300ms', fastInterval: '100ms', timeout: '30s' },
};

const names = ['web-0', 'web-1', 'web-2'];
const others = ['web-0', 'web-2'];

describeWith({ ...nginxNeeds, ...wrkNeeds }, 'three nginx servers under load', () => {
  const keep = stopAfterwards();
  const servers: Server[] = [];
  beforeAll(async () => {
    for (const _ of names) servers.push(keep(await startNginx(page)));
  });

  test.each(engines)(
    'one says that it is not well, and no request fails, with %s',
    async (engine) => {
      const { proxy, port, told, figures, is, moreAt } = await startPool(engine, {
        backends: servers.map(({ address }, place) => ({ address, name: `web-${place}` })),
        health,
        slowStart: '5s',
      });
      const opened = () => names.map((name) => figures(name).opened);
      /** Of the sessions since then. */
      const shareOfIll = (before: readonly number[]) => {
        const [first = 0, ill = 0, third = 0] = opened().map(
          (count, place) => count - (before[place] ?? 0),
        );
        return ill / (first + ill + third);
      };
      let atReturn: number[] = [];
      proxy.on('backend', ({ backend, from }) => {
        if (backend === 'web-1' && from === 'down') atReturn = opened();
      });
      const wrk = new Wrk(`http://127.0.0.1:${port}/`, ['--header', 'Connection: close']);
      onTestFinished(() => wrk.end().then(() => {}));
      await Promise.all(names.map((name) => is(name, 'up')));
      await moreAt(names);

      const ill = path.join(servers[1]?.folder ?? '', 'ill');
      await writeFile(ill, '');
      await is('web-1', 'down');
      // Those that were on their way are there now.
      await moreAt(others);
      const { opened: last } = figures('web-1');
      await moreAt(others);
      expect(figures('web-1').opened).toBe(last);

      await rm(ill);
      await is('web-1', 'up');
      await moreAt(others);
      const first = shareOfIll(atReturn);
      // Even would be a third; a tenth of a share is 5 %.
      expect(first).toBeLessThan(0.2);
      const full = await waitUntil(
        async () => {
          const before = opened();
          await moreAt(others);
          const share = shareOfIll(before);
          return share > 0.3 ? share : undefined;
        },
        { what: 'its whole share' },
      );
      expect(await wrk.stop()).toBeGreaterThan(100);
      const [, , , ...changes] = told();
      expect(changes).toEqual([
        'web-1: up -> down: expected 200, got 503 ×3',
        'web-1: down -> up: 200 ×2',
      ]);
      const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
      console.log(
        `nginx, ${engine}: ${percent(first)} of the sessions after it was back, ${percent(full)} in the end`,
      );
    },
  );
});
