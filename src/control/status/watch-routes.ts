/** The requests of the page, and the page itself. */
import type { ServerResponse } from 'node:http';
import type { Hono } from '../../vendor/hono.js';
import { answer, type Call, checkQuery, type Served } from '../answer.js';
import { asStream } from './as-stream.js';
import { pageFiles } from './page-files.js';
import type { Places } from './places.js';
import type { Watch } from './watch.js';

/** It may ask this address, and nobody else; and no text becomes a part of the page unless as text. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const contentTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/**
 * @param watch throws where there is nothing to watch yet
 */
export function addWatchRoutes(hono: Hono<Served>, places: Places, watch: () => Watch): void {
  hono.get('/', (call) => file(call, 'index.html'));
  for (const name of Object.keys(pageFiles)) {
    if (name !== 'index.html') hono.get(`/page/${name}`, (call) => file(call, name));
  }
  hono.get('/api/v1/sessions', async (call) => {
    checkQuery(call.req.query(), ['top']);
    places.take(call.env.outgoing as ServerResponse);
    return answer(call, await watch().sessions.answer(call.req.query('top')));
  });
  hono.get('/api/v1/history', (call) => {
    checkQuery(call.req.query(), []);
    places.take(call.env.outgoing as ServerResponse);
    const body = asStream(watch().history.json());
    return call.body(body, 200, { 'Content-Type': 'application/json' });
  });
  hono.get('/api/v1/events', (call) => {
    checkQuery(call.req.query(), []);
    const watched = watch();
    // What answers HEAD throws the stream away, and nobody would hear of its end.
    const type = { 'Content-Type': 'text/event-stream; charset=utf-8' };
    if (call.req.raw.method === 'HEAD') return call.body(null, 200, type);
    return call.body(watched.watch(call.env.outgoing as ServerResponse), 200, type);
  });
}

function file(call: Call, name: string): Response {
  checkQuery(call.req.query(), []);
  call.header('Content-Security-Policy', PAGE_POLICY);
  const type = contentTypes[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain';
  return call.body(pageFiles[name] ?? '', 200, { 'Content-Type': type });
}
