import { describe, expect, it } from 'vitest';
import { parseAddress } from '../src/config/address.js';
import { formatAddress } from '../src/model/address.js';

describe('parseAddress', () => {
  it.each([
    ['127.0.0.1:5555', { kind: 'tcp', host: '127.0.0.1', port: 5555 }],
    ['db-1.example.com:3306', { kind: 'tcp', host: 'db-1.example.com', port: 3306 }],
    ['my_service:80', { kind: 'tcp', host: 'my_service', port: 80 }],
    ['localhost:65535', { kind: 'tcp', host: 'localhost', port: 65535 }],
    [':5555', { kind: 'tcp', host: '', port: 5555 }],
    [':0', { kind: 'tcp', host: '', port: 0 }],
    ['[::1]:5555', { kind: 'tcp', host: '::1', port: 5555 }],
    ['[fe80::1%eth0]:80', { kind: 'tcp', host: 'fe80::1%eth0', port: 80 }],
    ['unix:/run/app.sock', { kind: 'unix', path: '/run/app.sock' }],
    ['unix:/run/with space.sock', { kind: 'unix', path: '/run/with space.sock' }],
  ])('reads %s', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each([
    ['[0:0:0:0:0:0:0:1]:80', '[::1]:80'],
    ['[FE80::00AB]:80', '[fe80::ab]:80'],
    ['[FE80::00AB%eth0]:80', '[fe80::ab%eth0]:80'],
    ['DB.Example.COM:80', 'db.example.com:80'],
    ['127.0.0.1:0080', '127.0.0.1:80'],
    [':80', ':80'],
    ['unix:/Run/App.sock', 'unix:/Run/App.sock'],
  ])('normalises %s to %s, which reads back the same', (text, normalised) => {
    const address = parseAddress(text);
    expect(formatAddress(address)).toBe(normalised);
    expect(parseAddress(normalised)).toEqual(address);
  });

  it.each([
    ['', 'it is empty'],
    ['127.0.0.1:70000', 'port 70000 is too high; ports go from 1 to 65535'],
    ['127.0.0.1:-1', 'port "-1" is not a number'],
    ['127.0.0.1:http', 'port "http" is not a number'],
    ['127.0.0.1:80.5', 'port "80.5" is not a number'],
    ['127.0.0.1:', 'the port is missing; write 127.0.0.1:5555'],
    ['127.0.0.1', 'the port is missing; write 127.0.0.1:5555'],
    ['5555', 'the port is missing; write :5555 for all interfaces, or 127.0.0.1:5555'],
    [':', 'the port is missing'],
    ['[]:80', 'there is nothing between the brackets'],
    ['[::1', 'the bracket is not closed'],
    ['[::1]', 'the port is missing; write [::1]:5555'],
    ['[::1]80', 'the port is missing'],
    ['[127.0.0.1]:80', '"127.0.0.1" is not an IPv6 address'],
    ['[::g]:80', '"::g" is not an IPv6 address'],
    ['::1', 'an IPv6 address needs brackets; write [::1]:5555'],
    ['fe80::1:2:3:4:5:6:80', 'an IPv6 address needs brackets; write [fe80::1:2:3:4:5:6]:80'],
    ['a:b:80', 'an IPv6 address needs brackets'],
    ['*:80', 'write :80 for all interfaces'],
    ['256.1.1.1:80', '"256.1.1.1" is not an IPv4 address'],
    ['127.1:80', '"127.1" is not an IPv4 address'],
    ['-bad-:80', 'neither a host name nor an IP address'],
    ['a..b:80', 'neither a host name nor an IP address'],
    [`${'a'.repeat(64)}:80`, 'neither a host name nor an IP address'],
    [`${'a.'.repeat(130)}a:80`, 'neither a host name nor an IP address'],
    ['a b:80', 'it contains white space'],
    [' 127.0.0.1:80', 'it contains white space'],
    ['127.0.0.1:80\n', 'it contains white space'],
    ['http://example.com:80', 'leave out "http://"'],
    ['unix:', 'the socket path is not absolute'],
    ['unix:relative.sock', 'the socket path is not absolute; write unix:/path/to/socket'],
    ['unix:/a\0b', 'contains a zero byte'],
    ['ÿ:80', 'neither a host name nor an IP address'],
  ])('refuses %j: %s', (text, reason) => {
    expect(() => parseAddress(text)).toThrow(
      expect.objectContaining({
        name: 'SplicewayError',
        code: 'ERR_SPLICEWAY_INVALID_ADDRESS',
        message: expect.stringContaining(reason),
      }),
    );
  });

  it('counts bytes, not letters, of a socket path, and takes 107 at most', () => {
    expect(parseAddress(`unix:/${'x'.repeat(106)}`)).toMatchObject({ kind: 'unix' });
    expect(() => parseAddress(`unix:/${'x'.repeat(107)}`)).toThrow('has 108 bytes');
    expect(() => parseAddress(`unix:/${'é'.repeat(54)}`)).toThrow('has 109 bytes');
  });

  it('does not repeat an endless text', () => {
    expect(() => parseAddress('x'.repeat(100_000))).toThrow(/^.{1,400}$/);
  });
});

describe('parseAddress for a backend', () => {
  it('takes a host and a port', () => {
    expect(parseAddress('127.0.0.1:1', 'backend')).toMatchObject({ port: 1 });
    expect(parseAddress('unix:/run/db.sock', 'backend')).toMatchObject({ path: '/run/db.sock' });
  });

  it.each([
    ['127.0.0.1:0', 'port 0 (any free port) is for listeners only'],
    ['[::1]:0', 'port 0 (any free port) is for listeners only'],
    [':3306', 'a backend needs a host; write 127.0.0.1:3306'],
    ['3306', 'the port is missing'],
  ])('refuses %s: %s', (text, reason) => {
    expect(() => parseAddress(text, 'backend')).toThrow(
      expect.objectContaining({
        code: 'ERR_SPLICEWAY_INVALID_ADDRESS',
        message: expect.stringContaining(reason),
      }),
    );
  });
});
