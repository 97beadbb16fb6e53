/** The files of the page. In dist/, which bundlers take apart, scripts/finish-dist.js writes their texts here. */
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('page/', import.meta.url);

/** What each is called, such as `page.css`, and what is in it. */
export const pageFiles: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(folder)
    .filter((name) => /\.(?:html|css|js|svg)$/.test(name))
    .map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]),
);
