/** The same random transfers on every run, between three network namespaces; see docs/transfers.md. */
import { expect, test } from 'vitest';
import {
  catalogue,
  configurationTitle,
  proxyTitle,
} from '../../scripts/transfers/configurations.js';
import { remedy, runTransfers } from '../../scripts/transfers/transfers.js';
import { describeWhere } from '../helpers/where.js';

const needed = remedy();

/** Each kind of proxy on one of its networks: another one for each. */
const chosen = [...new Set(catalogue.map(proxyTitle))].flatMap((title, row) => {
  const rows = catalogue.filter((configuration) => proxyTitle(configuration) === title);
  return rows.slice(row % rows.length).slice(0, 1);
});

describeWhere(needed, 'random transfers', () => {
  test.each(
    chosen.map((configuration) => [configurationTitle(configuration), configuration] as const),
  )('arrive whole, or up to the reset that was made: %s', async (_, configuration) => {
    const count = 30;
    const results = await runTransfers({
      seed: 'fixed',
      chosen: (other) => other === configuration,
      count,
    });
    expect(results.flatMap(({ outcome }) => outcome.failures)).toEqual([]);
    expect(results.map(({ outcome }) => outcome.transfers)).toEqual([count]);
  });
});
