/** What an ELF file asks for and offers, read by `readelf` (binutils), which knows every machine's. */
import { run } from '../lib/run.js';
import { SetupError } from '../setup/setup-error.js';

/**
 * @typedef {object} Elf
 * @property {string} machine such as `AArch64`
 * @property {string} type such as `DYN`
 * @property {readonly string[]} needed shared libraries, as the loader looks for them
 * @property {readonly string[]} imports symbols without their versions
 * @property {readonly string[]} versions that the loader asks of libraries, such as `GLIBC_2.17`
 * @property {readonly string[]} exports
 * @property {readonly string[]} sections their names
 * @property {boolean} bindsNow relocated as a whole when loaded, and read-only from then on
 * @property {boolean} stackRuns asks for a stack that code can be run on
 */

/**
 * @param {string} file
 * @throws {SetupError} where it is no ELF file, or there is no `readelf`
 * @returns {Promise<Elf>}
 */
export async function readElf(file) {
  const { status, output } = await run(
    'readelf',
    [
      '--wide',
      '--file-header',
      '--sections',
      '--segments',
      '--dynamic',
      '--dyn-syms',
      '--version-info',
      file,
    ],
    { env: { LC_ALL: 'C' } },
  );
  if (status !== 0) {
    throw new SetupError(`${output}\n${file} could not be read. readelf is in Debian's binutils.`);
  }
  /** @type {(pattern: RegExp) => string[]} */
  const all = (pattern) => [...output.matchAll(pattern)].map((match) => match[1] ?? '');
  const symbols = all(
    /^ +\d+: [0-9a-f]+ +\w+ \w+ +(?:GLOBAL|WEAK|UNIQUE) +\w+ +(?:\[.*?\] +)?(\w+ \S+)/gm,
  ).map((line) => {
    const [section, named = ''] = line.split(' ');
    const [name = ''] = named.split('@');
    return { name, imported: section === 'UND' };
  });
  const imported = symbols.filter((symbol) => symbol.imported);
  return {
    machine: all(/^ +Machine: +(.+)$/gm)[0] ?? '',
    type: all(/^ +Type: +(\w+)/gm)[0] ?? '',
    needed: all(/\(NEEDED\) +Shared library: \[(.+)\]/g),
    imports: imported.map(({ name }) => name),
    // Also what no symbol has, such as GLIBC_ABI_DT_RELR.
    versions: [...new Set(all(/ Name: (\S+) +Flags: .* Version: /g))],
    exports: symbols.filter((symbol) => !symbol.imported).map(({ name }) => name),
    sections: all(/^ +\[ *\d+\] (\.\S+)/gm),
    bindsNow: /BIND_NOW|Flags:.* NOW/.test(output) && /GNU_RELRO/.test(output),
    stackRuns: !/GNU_STACK.* RW +\w+$/m.test(output),
  };
}
