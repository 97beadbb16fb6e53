/** Balancers that run, as doctor tells of them. */
import { parseOptions } from '../../config/schema.js';
import type { ControlClient } from '../../control/client.js';
import { SplicewayError } from '../../errors/catalogue.js';
import { setTimeout } from '../../timers.js';
import { clientOf, type InstanceFlags, livingClients, wordsOfClosed } from '../remote/instance.js';
import { plain } from '../remote/terminal.js';
import type { Fact } from './facts.js';
import { explain, type Look } from './findings.js';
import { readProcessFacts } from './process-facts.js';

/** Between the two looks that say what happens now. */
const LOOK_MS = 1000;
/** For all that is asked of one. */
const PATIENCE_MS = 10_000;

/**
 * @param flags which one is meant; default: all of this machine
 * @returns a list for each, and one for those that this user may not ask
 * @throws SplicewayError where one is named that does not answer
 */
export async function explainRunning(flags: InstanceFlags): Promise<readonly Fact[][]> {
  const isNamed = flags.name !== undefined || flags.control !== undefined;
  const { clients, closed } = isNamed
    ? { clients: [await clientOf(flags)], closed: [] }
    : await livingClients();
  const told = await Promise.all(
    clients.map((client) =>
      answered(client, factsOf(client)).catch((error) => {
        if (isNamed || !(error instanceof SplicewayError)) throw error;
        const [first = ''] = error.message.split('\n');
        return [['balancer', plain(first)] as const];
      }),
    ),
  );
  if (closed.length === 0) return told;
  return [...told, [['balancer', `unknown; ${plain(wordsOfClosed(closed))}`]]];
}

/** One that stands still takes connections, and says nothing. */
async function answered<Answer>(client: ControlClient, answer: Promise<Answer>): Promise<Answer> {
  const late = new Promise<never>((_, reject) => {
    const message = `control socket ${client.path}: no answer within ${PATIENCE_MS / 1000} s; see whether the balancer is stopped, or a function of its program holds it up`;
    const fail = () => reject(new SplicewayError('ERR_SPLICEWAY_CONTROL_FAILED', message));
    setTimeout(fail, PATIENCE_MS).unref();
  });
  return await Promise.race([answer, late]);
}

async function factsOf(client: ControlClient): Promise<Fact[]> {
  const before = await look(client);
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  const after = await look(client);
  const { options, functions } = await client.config();
  const { sessions } = await client.sessions();
  const facts = explain({
    ...{ before, after, functions },
    config: parseOptions(options),
    clients: sessions.map((session) => session.client.address),
    file: await fileProblem(client, after),
  });
  return facts.map(([label, value]): Fact => [label, plain(value)]);
}

async function look(client: ControlClient): Promise<Look> {
  const status = await client.status();
  return { status, process: readProcessFacts(status.pid) };
}

/** Why a reload would be refused; `undefined` where it would not be. */
async function fileProblem(client: ControlClient, { status }: Look): Promise<string | undefined> {
  if (status.file === undefined) return undefined;
  try {
    await client.compareFile();
    return undefined;
  } catch (error) {
    if (!(error instanceof SplicewayError)) throw error;
    return error.message.split('\n')[0];
  }
}
