/** What the control socket takes of its HTTP library. */
export { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server';
export { type Context, Hono } from 'hono';
