/** iperf3 through the proxy: a gibibyte in four streams at full speed, each way and both ways at once. */
import { beforeAll, describe, expect, test } from 'vitest';
import { stopAfterwards } from './helpers/cleanup.js';
import { iperf3, iperf3Needs, startIperf3 } from './helpers/iperf3.js';
import { describeWith } from './helpers/programs.js';
import { engines, ProxyProcess } from './helpers/proxy.js';

const streams = 4;
const bytes = 2 ** 30;

describeWith(iperf3Needs, 'iperf3 behind the proxy', () => {
  describe.each(engines)('%s engine', (engine) => {
    const keep = stopAfterwards();
    let proxy: ProxyProcess;
    beforeAll(async () => {
      proxy = keep(await ProxyProcess.start({ engine, backends: [keep(await startIperf3())] }));
    });

    test.each([
      ['client to server', []],
      ['server to client', ['--reverse']],
      ['both ways at once', ['--bidir']],
    ])('%s', async (_, args) => {
      const report = await iperf3(proxy.port, [
        ...['--parallel', `${streams}`, '--bytes', `${bytes}`],
        ...args,
      ]);
      expect(report.error).toBeUndefined();
      const bothWays = args.includes('--bidir');
      expect(report.start.connected).toHaveLength(bothWays ? 2 * streams : streams);
      const forth = report.end.sum_received.bytes;
      const back = report.end.sum_received_bidir_reverse?.bytes ?? 0;
      // It stops at the last byte sent, whichever way; on its way is at most what the buffers hold.
      expect(Math.max(forth, back)).toBeGreaterThan(bytes / 2);
      expect(forth).toBeGreaterThan(10_000_000);
      if (bothWays) expect(back).toBeGreaterThan(10_000_000);
    });
  });
});
