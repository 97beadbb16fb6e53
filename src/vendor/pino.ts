/** What writes the log. */
export { type Logger, pino } from 'pino';
export { prettyFactory } from 'pino-pretty';
