/** The blocks of TypeScript in the documents compile, and run against real sockets; every other block is known. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../scripts/lib/port.js';
import { RunningCommand } from './helpers/cli.js';
import { blocksOf, documents } from './helpers/documents.js';
import { startNamed } from './helpers/servers.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** In the checkout, so that `spliceway` is this package. */
const folder = path.join(root, 'out', 'code-blocks');

const blocks = documents.flatMap((document) =>
  blocksOf(document, 'ts').map(({ text }, index) => ({ name: `${document} ${index + 1}`, text })),
);

/** What a block takes for granted: a proxy, or two open sockets. Both backends are servers of the test. */
function prelude(text: string): string {
  const lines: string[] = [];
  if (/\bproxy\b/.test(text) && !text.includes('const proxy =')) {
    lines.push(
      "import * as spliceway from 'spliceway';",
      "const backends = ['127.0.0.1:3306', '127.0.0.1:3307'];",
      "const proxy = await spliceway.createProxy({ listen: '127.0.0.1:0', backends });",
    );
  }
  if (/\bjoin\(a, b\)/.test(text)) {
    lines.push(
      "import { connect } from 'node:net';",
      'const [a, b] = [connect(3306), connect(3307)];',
      "await Promise.all([a, b].map((socket) => new Promise((open) => socket.once('connect', open))));",
    );
  }
  return lines.join('\n');
}

/** With imports of its own where it leaves out those of the block before it. */
function moduleOf({ text }: { readonly text: string }): string {
  const missing = ['createProxy'].filter(
    (name) => text.includes(`${name}(`) && !/^import /m.test(text),
  );
  const imports = missing.map((name) => `import { ${name} } from 'spliceway';`);
  // A server of the block would keep it from its end.
  return [...imports, prelude(text), text, "console.log('to the end');", 'process.exit();'].join(
    '\n',
  );
}

describe('blocks of TypeScript', () => {
  beforeAll(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('compile', () => {
    expect(blocks.length).toBeGreaterThan(5);
    for (const [index, block] of blocks.entries()) {
      writeFileSync(path.join(folder, `block-${index}.ts`), moduleOf(block));
    }
    const settings = {
      extends: '../../tsconfig.json',
      // A session of the README is joined and left at that.
      compilerOptions: { noUnusedLocals: false, typeRoots: ['../../node_modules/@types'] },
      include: ['*.ts'],
    };
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(settings));
    const tsc = path.join(root, 'node_modules/.bin/tsc');
    execFileSync(tsc, ['-p', folder], { stdio: 'pipe', encoding: 'utf8' });
  });

  it.each(blocks)('run to their end: $name', async (block) => {
    const [a, b] = [await startNamed('a'), await startNamed('b')];
    const ports: Record<string, number> = {
      3306: a.port,
      3307: b.port,
      5555: await freePort(),
      6000: await freePort(),
    };
    const file = path.join(folder, `block-${blocks.indexOf(block)}.mjs`);
    writeFileSync(
      file,
      moduleOf(block).replace(/\b\d{4}\b/g, (port) => String(ports[port] ?? port)),
    );
    await using running = new RunningCommand([], {}, file);
    expect(await running.ended()).toMatchObject({ status: 0, stderr: '' });
    expect(running.stdout).toMatch(/to the end\n$/);
  });
});

describe('every other block', () => {
  /** What runs or reads them. A block of no kind is a drawing. */
  const kinds: Readonly<Record<string, string>> = {
    text: 'what commands print, of which the page is followed: test/e2e/23.operate.test.ts',
    ts: 'the test above',
    sh: 'test/e2e/12.commands.test.ts, or what that names for the page',
    yaml: 'the test that follows the page',
    json: 'test/105.control-page.test.ts',
    nginx: 'test/e2e/10.task-pages.test.ts',
    '': 'nobody',
  };

  it('is of a kind that some test knows', () => {
    for (const document of documents) {
      for (const { kind, text } of blocksOf(document)) {
        expect(Object.keys(kinds), document).toContain(kind);
        if (kind === '') expect(text).toMatch(/[─│└▶]/);
      }
    }
  });
});
