/** Whether an HTTP server answers a request as it should, with TLS or without. */
import * as http from 'node:http';
import * as https from 'node:https';
import { isIP } from 'node:net';
import type { CheckConfigOf, StatusRange } from '../../../model/health.js';
import { type Attempt, attempt } from './attempt.js';
import type { Check, CheckTarget } from './check.js';
import { MOST_BYTES } from './conversation.js';
import { quoted, reasonOf, told } from './reason.js';

type Config = CheckConfigOf<'http'> | CheckConfigOf<'https'>;

const END = 'the end of the connection';

const ports = { http: 80, https: 443 } as const;

export function httpCheck(config: Config): Check {
  return (target, signal) =>
    attempt(signal, async (own) => {
      const response = await answerTo(requestOf(config, target), own, config.type);
      const { statusCode = 0 } = response;
      if (!config.statuses.some(({ from, to }) => from <= statusCode && statusCode <= to)) {
        throw new Error(`expected ${listed(config.statuses)}, got ${statusCode}`);
      }
      if (config.body !== undefined) {
        own.state = 'waiting for the body of the answer';
        await expectBody(response, config.body);
      }
      return String(statusCode);
    });
}

function requestOf(config: Config, { address, from, host }: CheckTarget): http.ClientRequest {
  const { type, method, path } = config;
  const where =
    address.kind === 'unix'
      ? { socketPath: address.path }
      : { host: address.ip, port: address.port, ...(from && { localAddress: from }) };
  const headers = {
    Host: config.host ?? hostHeader(type, address, host),
    'User-Agent': 'spliceway',
  };
  // No agent: every check has a connection of its own.
  const options = { ...where, method, path, headers, agent: false };
  if (type === 'http') return http.request(options);
  const { verify, serverName = host } = config;
  // An address has no name to ask for; the certificate is compared with it all the same.
  const servername = isIP(serverName) === 0 ? serverName : '';
  return https.request({ ...options, servername, rejectUnauthorized: verify });
}

function hostHeader(type: Config['type'], address: CheckTarget['address'], host: string): string {
  if (address.kind === 'unix') return 'localhost';
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return address.port === ports[type] ? name : `${name}:${address.port}`;
}

function answerTo(
  request: http.ClientRequest,
  own: Attempt,
  type: Config['type'],
): Promise<http.IncomingMessage> {
  own.release = () => request.destroy();
  request.once('socket', (socket) => {
    socket.once('connect', () => {
      own.state = type === 'https' ? 'waiting for the TLS handshake' : 'waiting for the answer';
    });
    socket.once('secureConnect', () => {
      own.state = 'waiting for the answer';
    });
  });
  return new Promise((resolve, reject) => {
    request.on('response', (response) => {
      // Of a connection that ends before the body does, which nobody may be reading.
      response.on('error', () => {});
      resolve(response);
    });
    request.on('error', (error) => reject(new Error(wordsOf(error))));
    // Without an error where the server wants to speak another protocol.
    request.on('close', () => reject(new Error(`expected an answer, got ${END}`)));
    request.end();
  });
}

function wordsOf(error: Error): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code.startsWith('HPE_')) return 'expected HTTP, got something else';
  if (code === 'EPROTO') return `the TLS handshake failed: ${reasonOfOpenssl(error.message)}`;
  if (error.message === 'socket hang up') return `expected an answer, got ${END}`;
  if (error.message === 'aborted') return `expected the rest of an answer, got ${END}`;
  const reason = reasonOf(error);
  return isOfCertificate(code) ? `the certificate is refused: ${reason}` : reason;
}

/** Its words stand in `write EPROTO …:error:CODE:LIBRARY:FUNCTION:WORDS:FILE:LINE:`. */
function reasonOfOpenssl(message: string): string {
  const [, words = told(message)] = /:error:\w+:[^:]*:[^:]*:([^:]+):/.exec(message) ?? [];
  return words;
}

/** By the names that Node and OpenSSL have for what is wrong with one. */
const isOfCertificate = (code: string) =>
  code === 'ERR_TLS_CERT_ALTNAME_INVALID' || /CERT|SIGNED|ISSUER|CRL|CHAIN/.test(code);

/** Reads as far as it has to, and no further than checks read. */
async function expectBody(response: http.IncomingMessage, wanted: string): Promise<void> {
  let body = Buffer.alloc(0);
  try {
    for await (const bytes of response as AsyncIterable<Buffer>) {
      body = Buffer.concat([body, bytes]).subarray(0, MOST_BYTES);
      if (body.includes(wanted)) return;
      if (body.length === MOST_BYTES) break;
    }
  } catch (error) {
    throw new Error(wordsOf(error as Error));
  }
  throw new Error(`expected ${quoted(wanted)} in the body, got ${quoted(body.toString())}`);
}

function listed(statuses: readonly StatusRange[]): string {
  const texts = statuses.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  return texts.join(', ');
}
