/** Requests that a status address is not for. */

/** One that is well made, and answered. */
export const REQUEST = 'GET /metrics?collect[]=process HTTP/1.1\r\nHost: localhost\r\n\r\n';

const other = '\r\nOrigin: http://evil.example\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Site: ';

const preflight = [
  'OPTIONS /api/v1/status HTTP/1.1',
  ...['Host: localhost', 'Origin: http://evil.example', 'Access-Control-Request-Method: POST'],
  '\r\n',
].join('\r\n');

/** Requests that are none, or not for this address, each with its reason: the answer is an error or none. */
export const refused: readonly (readonly [string, string])[] = [
  ['no HTTP', 'hello\r\n\r\n'],
  ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['an unknown version', REQUEST.replace('1.1', '9.9')],
  ['no Host', REQUEST.replace('Host: localhost\r\n', '')],
  ['a foreign Host', REQUEST.replace('localhost', 'evil.example')],
  ['a foreign Host before ours', REQUEST.replace('Host', 'Host: evil.example\r\nHost')],
  ['a Host that is none', REQUEST.replace('localhost', 'localhost/../b@c')],
  ['a change', REQUEST.replace('GET', 'POST')],
  [
    'a change in disguise',
    REQUEST.replace('\r\n\r\n', '\r\nX-HTTP-Method-Override: POST\r\n\r\n').replace('GET', 'PUT'),
  ],
  ['an unknown method', REQUEST.replace('GET', 'BREAK')],
  ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'].map(
    (method) => [`a ${method}`, REQUEST.replace('GET', method)] as const,
  ),
  ['a question before a change', preflight],
  ['the page of another site', REQUEST.replace('\r\n\r\n', `${other}cross-site\r\n\r\n`)],
  ['another page of this machine', REQUEST.replace('\r\n\r\n', `${other}same-site\r\n\r\n`)],
  ['a tunnel', 'CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['another place', REQUEST.replace('/metrics', 'ftp://evil.example/metrics')],
  ['a folded header', REQUEST.replace('\r\n\r\n', '\r\nA: b\r\n c\r\n\r\n')],
  ['a zero in a header', REQUEST.replace('\r\n\r\n', '\r\nA: b\0c\r\n\r\n')],
  [
    'a length and chunks',
    REQUEST.replace('\r\n\r\n', '\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'),
  ],
  [
    'chunks and a length',
    REQUEST.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n'),
  ],
  [
    'two lengths',
    REQUEST.replace('\r\n\r\n', '\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n'),
  ],
  ['a length of letters', REQUEST.replace('\r\n\r\n', '\r\nContent-Length: five\r\n\r\n')],
  ['chunks in disguise', REQUEST.replace('\r\n\r\n', '\r\nTransfer-Encoding : chunked\r\n\r\n')],
  [
    'chunks that are none',
    REQUEST.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n'),
  ],
  ['a whole address of another host', REQUEST.replace('/metrics', 'http://evil.example/metrics')],
  ['a path out of all folders', REQUEST.replace('/metrics', '/../../etc/passwd')],
  ['the same in disguise', REQUEST.replace('/metrics', '/%2e%2e/%2e%2e/etc/passwd')],
  ['a path out of the folder of the page', REQUEST.replace('/metrics', '/page/../../server.js')],
  ['the same with a slash in disguise', REQUEST.replace('/metrics', '/page/..%2f..%2fserver.js')],
  ['the same with backslashes in disguise', REQUEST.replace('/metrics', '/page/..%5cserver.js')],
  ['a path disguised twice', REQUEST.replace('/metrics', '/%252e%252e/etc/passwd')],
  ['a path of no text', REQUEST.replace('/metrics', '/page/%c0%ae%c0%ae/app.js')],
  ['a path of 15,000 bytes', REQUEST.replace('/metrics', `/${'a'.repeat(15_000)}`)],
  ['a path of 20,000 bytes', REQUEST.replace('/metrics', `/${'a'.repeat(20_000)}`)],
  ['a path of two beginnings', REQUEST.replace('/metrics', '//metrics')],
  ['a path with a dot', REQUEST.replace('/metrics', '/metrics/.')],
  ['a path of the control socket', REQUEST.replace('/metrics', '/v1/config')],
  ['a path with a zero', REQUEST.replace('/metrics', '/metrics%00')],
  ['a path with a bare zero', REQUEST.replace('/metrics', '/metrics\0')],
  ['a path with backslashes', REQUEST.replace('/metrics', '\\metrics')],
  ['an encoding that is none', REQUEST.replace('/metrics', '/%ZZ')],
  ['an unknown query', REQUEST.replace('collect[]', 'collect')],
  ['a collector of a prototype', REQUEST.replace('process', '__proto__')],
  ['ten thousand collectors', REQUEST.replace('process', 'process'.repeat(10_000))],
];
