/** The types of the package compile in the projects of those who use it, whatever these have chosen. */
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tempPath } from './helpers/temp.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');

const source = `
import { createProxy, join, SplicewayError, type ProxyOptions } from 'spliceway';
const options: ProxyOptions = { backends: '127.0.0.1:3306' };
export async function serve(): Promise<string> {
  await using proxy = await createProxy(options);
  const { cause } = new SplicewayError('ERR_SPLICEWAY_LISTEN', 'no', { cause: join });
  return proxy.engine.name + String(cause);
}
`;

/** What the compiler says of a project that uses the package; empty when nothing is wrong. */
async function complaints(compilerOptions: object): Promise<string> {
  const folder = tempPath('project');
  mkdirSync(path.join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(root, path.join(folder, 'node_modules', 'spliceway'));
  const types = path.join('node_modules', '@types', 'node');
  symlinkSync(path.join(root, types), path.join(folder, types));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(folder, 'serve.ts'), source);
  const common = { strict: true, skipLibCheck: false, noEmit: true, types: ['node'] };
  const project = { compilerOptions: { ...common, ...compilerOptions }, files: ['serve.ts'] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(project));
  const run = promisify(execFile)(process.execPath, [compiler, '--project', folder]);
  return await run.then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
}

describe('the types of the package, with skipLibCheck off', () => {
  it.each([
    ['es2020, which does not know ErrorOptions', ['es2020']],
    ['esnext', ['esnext']],
  ])('compile with %s', async (_, lib) => {
    const options = { target: 'es2022', module: 'nodenext', lib };
    expect(await complaints(options)).toBe('');
  });
});
