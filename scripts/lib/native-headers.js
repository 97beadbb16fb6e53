/** What the compiler has to be told to make sense of the addon's sources: node-gyp knows it by itself, other tools do not. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { inRoot } from './root.js';

/** @returns {string | undefined} the folder with node_api.h of the running Node, if it is anywhere */
export function nodeHeaders() {
  const version = process.versions.node;
  return [
    path.resolve(process.execPath, '..', '..', 'include', 'node'),
    path.join(process.env.npm_config_nodedir ?? '/usr', 'include', 'node'),
    path.join(homedir(), '.cache', 'node-gyp', version, 'include', 'node'),
  ].find((folder) => existsSync(path.join(folder, 'node_api.h')));
}

/** @returns {string[]} the flags for `native/addon/`, as binding.gyp has them, as far as they change what the code means */
export function addonFlags() {
  const headers = nodeHeaders();
  const { version } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
  return [
    `-I${inRoot('native', 'core')}`,
    `-I${inRoot('native', 'addon')}`,
    '-isystem',
    inRoot('node_modules', 'node-addon-api'),
    ...(headers ? ['-isystem', headers] : []),
    '-DNAPI_VERSION=9',
    `-DSPLICEWAY_VERSION="${version}"`,
    '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    '-DNODE_ADDON_API_DISABLE_DEPRECATED',
  ];
}
