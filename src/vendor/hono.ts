/** What the control socket and the status address take of their HTTP library. */
export { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server';
export { type Context, Hono } from 'hono';
export { accepts } from 'hono/accepts';
