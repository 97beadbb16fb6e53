/** Health checks of databases against answers that the real servers of test/e2e/15 do not give, or not on demand. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { plugins, proofOf } from '../src/pool/health/checks/mysql-passwords.js';
import { ask, targetOf } from './helpers/checks.js';
import {
  mysql,
  postgres,
  ScramServer,
  silence,
  startScripted,
} from './helpers/database-servers.js';
import { until } from './helpers/deadline.js';
import type { TestServer } from './helpers/servers.js';

const hash = (name: string, ...parts: readonly Uint8Array[]) =>
  createHash(name).update(Buffer.concat(parts)).digest();
const xor = (one: Buffer, other: Buffer) =>
  Buffer.from(one.map((byte, index) => byte ^ (other[index] ?? 0)));

describe('the proof of a password of MySQL', () => {
  const { nonce } = mysql;
  const password = Buffer.from('sécret');

  it('is what a server with the hash of the password expects', () => {
    expect(plugins).toEqual(['mysql_native_password', 'caching_sha2_password']);
    // A server has the hash of a hash, and finds the first of them by the proof.
    const native = hash('sha1', hash('sha1', password));
    const ofNative = proofOf('mysql_native_password', 'sécret', nonce);
    expect(hash('sha1', xor(ofNative, hash('sha1', nonce, native)))).toEqual(native);
    const sha2 = hash('sha256', hash('sha256', password));
    const ofSha2 = proofOf('caching_sha2_password', 'sécret', nonce);
    expect(hash('sha256', xor(ofSha2, hash('sha256', sha2, nonce)))).toEqual(sha2);
  });

  it('is empty where there is no password', () => {
    for (const plugin of plugins) expect(proofOf(plugin, '', nonce)).toHaveLength(0);
  });

  it('is of no other way to log in', () => {
    for (const plugin of ['', 'sha256_password', 'constructor', '__proto__']) {
      expect(() => proofOf(plugin, 'secret', nonce)).toThrow(
        `the account is of "${plugin}", make it`,
      );
    }
  });
});

describe('mysql', () => {
  const account = { type: 'mysql', user: 'check', password: 'secret' } as const;
  const answerOf = (server: TestServer, others: object = {}) =>
    ask(targetOf(server.port), { ...account, ...others });

  it('sends a login that says who it is, and how it knows the password', async () => {
    let login: Buffer = Buffer.alloc(0);
    const server = await startScripted(mysql.greeting(), (heard) => {
      login = heard;
      return mysql.ok(2);
    });
    expect(await answerOf(server)).toBe('well: ');
    const proof = proofOf('mysql_native_password', 'secret', mysql.nonce);
    const head = Buffer.from(`00820800${'00000001'}21${'00'.repeat(23)}`, 'hex');
    const names = ['check\0', Buffer.of(20), proof, 'mysql_native_password\0'];
    expect(login).toEqual(mysql.packet(1, head, ...names));
  });

  it('says goodbye', async () => {
    const heard: Buffer[] = [];
    const server = await startScripted(mysql.greeting(), mysql.ok(2), (last) => {
      heard.push(last);
      return silence;
    });
    expect(await answerOf(server)).toBe('well: ');
    await until('the goodbye', () => heard.length > 0);
    expect(heard).toEqual([Buffer.from('0100000001', 'hex')]);
  });

  it('logs in with caching_sha2_password, when the server knows the password', async () => {
    const fast = [mysql.packet(2, Buffer.of(1, 3)), mysql.ok(3)];
    const server = await startScripted(
      mysql.greeting('caching_sha2_password'),
      Buffer.concat(fast),
    );
    expect(await answerOf(server)).toBe('well: ');
  });

  it('says what to do when the server does not know it', async () => {
    const server = await startScripted(
      mysql.greeting('caching_sha2_password'),
      mysql.packet(2, Buffer.of(1, 4)),
    );
    expect(await answerOf(server)).toBe(
      'caching_sha2_password asks for the password itself, which a check does not send; have the account log in ' +
        'once over TLS, or make it one of mysql_native_password',
    );
  });

  it('changes to the way of the account, with the nonce of that', async () => {
    const nonce = Buffer.from('other nonce of it 20');
    let answer: Buffer = Buffer.alloc(0);
    const server = await startScripted(
      mysql.greeting('client_ed25519'),
      mysql.packet(2, Buffer.of(0xfe), 'caching_sha2_password\0', nonce, '\0'),
      (heard) => {
        answer = heard;
        return Buffer.concat([mysql.packet(4, Buffer.of(1, 3)), mysql.ok(5)]);
      },
    );
    expect(await answerOf(server)).toBe('well: ');
    const proof = proofOf('caching_sha2_password', 'secret', nonce);
    expect(answer).toEqual(mysql.packet(3, proof));
  });

  it('has no answer to what older servers ask', async () => {
    const server = await startScripted(mysql.greeting(), mysql.packet(2, Buffer.of(0xfe)));
    expect(await answerOf(server)).toMatch(/^the account is of "", make it one of mysql_native/);
  });

  it.each([
    ['0', 'well: primary'],
    ['OFF', 'well: primary'],
    ['1', 'read_only is ON, expected a primary'],
    ['NO_LOCK', 'read_only is ON, expected a primary'],
  ])('takes a read_only of %s for what it is', async (value, words) => {
    const server = await startScripted(mysql.greeting(), mysql.ok(2), mysql.row(value));
    expect(await answerOf(server, { role: 'primary' })).toBe(words);
  });

  it('says what the server says', async () => {
    const blocked = "Host '10.0.0.1' is blocked because of many connection errors";
    expect(await answerOf(await startScripted(mysql.error(0, 1129, blocked)))).toBe(
      `${blocked} (1129)`,
    );
    const full = await startScripted(mysql.error(0, 1040, '#08004Too many connections'));
    expect(await answerOf(full)).toBe('Too many connections (1040)');
    expect(await ask(targetOf(full.port), { type: 'mysql' })).toBe('Too many connections (1040)');
    const late = await startScripted(
      mysql.greeting(),
      mysql.ok(2),
      mysql.error(1, 1227, '#42000No'),
    );
    expect(await answerOf(late, { role: 'replica' })).toBe('No (1227)');
  });

  it('without an account takes a denied one for an answer, and nothing else', async () => {
    const health = { type: 'mysql' } as const;
    const denied = await startScripted(
      mysql.greeting(),
      mysql.error(2, 1045, '#28000Access denied'),
    );
    expect(await ask(targetOf(denied.port), health)).toBe('well: answers, without an account');
    expect(await answerOf(denied)).toBe('Access denied (1045)');
    const other = await startScripted(
      mysql.greeting(),
      mysql.error(2, 1053, '#08S01Shutting down'),
    );
    expect(await ask(targetOf(other.port), health)).toBe('Shutting down (1053)');
    const open = await startScripted(mysql.greeting(), mysql.ok(2));
    expect(await ask(targetOf(open.port), health)).toBe('well: ');
  });

  it('knows what is no MySQL', async () => {
    const said = (text: string | Buffer) => startScripted(text).then((server) => answerOf(server));
    expect(await said('SSH-2.0-OpenSSH_9.2\r\n')).toBe('expected MySQL, got "SSH-2.0-OpenSSH_9.2"');
    expect(await said(Buffer.alloc(4))).toBe('expected MySQL, got ""');
    expect(await said(mysql.greeting('', 9))).toBe(
      "expected version 10 of MySQL's handshake, got 9",
    );
    expect(await said(mysql.packet(0, Buffer.of(10), '8.0'))).toBe(
      'got a packet of MySQL that is cut off',
    );
  });
});

describe('postgres', () => {
  const account = { type: 'postgres', user: 'check', password: 'secret' } as const;
  const answerOf = (server: TestServer, others: object = {}) =>
    ask(targetOf(server.port), { ...account, ...others });
  const { asks, error, message, ready, row } = postgres;

  it('says who it is, and for which database', async () => {
    const heard: Buffer[] = [];
    const hear = (answer: Buffer | string) => (bytes: Buffer) => {
      heard.push(bytes);
      return answer;
    };
    const server = await startScripted(silence, hear(ready), hear(silence));
    expect(await answerOf(server, { database: 'shop' })).toBe('well: ');
    await until('the goodbye', () => heard.length > 1);
    const settings = 'user\0check\0database\0shop\0application_name\0spliceway\0\0';
    const begin = message('', Buffer.from('00030000', 'hex'), settings);
    expect(heard).toEqual([begin, message('X')]);
  });

  it('logs in with scram-sha-256, and knows whether the server has its password', async () => {
    const offer = asks(10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0');
    const scram = new ScramServer();
    const right = await startScripted(
      silence,
      offer,
      (heard) => asks(11, scram.challenge(heard)),
      (heard) => Buffer.concat([asks(12, scram.final(heard)), ready]),
    );
    expect(await answerOf(right)).toBe('well: ');
    const wrong = await startScripted(
      silence,
      offer,
      (heard) => asks(11, scram.challenge(heard)),
      Buffer.concat([asks(12, `v=${Buffer.alloc(32).toString('base64')}`), ready]),
    );
    expect(await answerOf(wrong)).toBe('the server does not know the password of its account');
    const early = await startScripted(silence, asks(12, 'v='));
    expect(await answerOf(early)).toBe('the server does not know the password of its account');
  });

  it('does not do all the work that a server may ask for', async () => {
    const scram = new ScramServer(10_000_000);
    const server = await startScripted(silence, asks(10, 'SCRAM-SHA-256\0\0'), (heard) =>
      asks(11, scram.challenge(heard)),
    );
    expect(await answerOf(server)).toMatch(/^expected a challenge of SCRAM-SHA-256, got "r=.*"/);
  });

  it('takes no challenge that was made for another', async () => {
    const server = await startScripted(
      silence,
      asks(10, 'SCRAM-SHA-256\0\0'),
      asks(11, 'r=another,s=c2FsdA==,i=4096'),
    );
    expect(await answerOf(server)).toBe(
      'expected a challenge of SCRAM-SHA-256, got "r=another,s=c2FsdA==,i=4096"',
    );
  });

  it('does not know other ways to log in', async () => {
    const other = await startScripted(silence, asks(10, 'OAUTHBEARER\0\0'));
    expect(await answerOf(other)).toBe('the server has no SCRAM-SHA-256, but "OAUTHBEARER"');
    const clear = await startScripted(silence, asks(3));
    expect(await answerOf(clear)).toBe(
      'the server asks for a login that a check does not know (3); let check in with scram-sha-256 or md5',
    );
    expect(await answerOf(clear, { password: undefined })).toBe(
      'the server asks for the password of check',
    );
  });

  it('says what the server says', async () => {
    const starting = await startScripted(
      silence,
      error('57P03', 'the database system is starting up'),
    );
    expect(await answerOf(starting)).toBe('the database system is starting up (57P03)');
    const late = await startScripted(silence, ready, error('57014', 'canceling statement'));
    expect(await answerOf(late, { role: 'primary' })).toBe('canceling statement (57014)');
  });

  it('takes nothing but true and false for an answer', async () => {
    const words = async (value: string) =>
      answerOf(await startScripted(silence, ready, row(value)), { role: 'replica' });
    expect(await words('t')).toBe('well: replica');
    expect(await words('f')).toBe('not in recovery, expected a replica');
    expect(await words('')).toMatch(/^expected true or false of pg_is_in_recovery\(\), got /);
  });

  it('knows what is no PostgreSQL', async () => {
    const said = (text: string) => startScripted(text).then((server) => answerOf(server));
    expect(await said('HTTP/1.1 400 Bad Request\r\n')).toBe(
      'expected PostgreSQL, got "HTTP/1.1 400 Bad Request"',
    );
    expect(await said('R\0\0\0\x02')).toBe('expected PostgreSQL, got "R"');
  });
});

describe('redis', () => {
  const answerOf = (server: TestServer, others: object = {}) =>
    ask(targetOf(server.port), { type: 'redis', ...others });

  it('is not well while it loads', async () => {
    const server = await startScripted(
      silence,
      '-LOADING Redis is loading the dataset in memory\r\n',
    );
    expect(await answerOf(server)).toBe('PING: LOADING Redis is loading the dataset in memory');
  });

  it('sends each command as it is written, whatever is in the password', async () => {
    const heard: string[] = [];
    const hear = (answer: string) => (bytes: Buffer) => {
      heard.push(bytes.toString());
      return answer;
    };
    const server = await startScripted(silence, hear('+OK\r\n'), hear('+PONG\r\n'));
    expect(await answerOf(server, { username: 'é', password: 'a\r\nb c' })).toBe('well: ');
    expect(heard).toEqual([
      '*3\r\n$4\r\nAUTH\r\n$2\r\né\r\n$6\r\na\r\nb c\r\n',
      '*1\r\n$4\r\nPING\r\n',
    ]);
  });

  it('finds the role in what it is told', async () => {
    const words = async (text: string) => {
      const server = await startScripted(silence, '+PONG\r\n', `$${text.length}\r\n${text}\r\n`);
      return answerOf(server, { role: 'primary' });
    };
    expect(await words('# Replication\r\nrole:master\r\nconnected_slaves:0\r\n')).toBe(
      'well: primary',
    );
    expect(await words('role:slave\r\nslave_read_only:1')).toBe(
      'role is slave, expected a primary',
    );
    expect(await words('role:sentinel')).toBe(
      'INFO replication: expected a role, got "role:sentinel"',
    );
    expect(await words('')).toBe('INFO replication: expected a role, got ""');
  });

  it('knows what is no Redis', async () => {
    const said = (text: string) => startScripted(text).then((server) => answerOf(server));
    expect(await said('HTTP/1.1 400 Bad Request\r\n')).toBe(
      'expected Redis, got "HTTP/1.1 400 Bad Request"',
    );
    expect(await said('+HELLO\r\n')).toBe('PING: expected PONG, got "HELLO"');
    for (const length of ['-1', '70000', '1.5', 'x']) {
      expect(await said(`$${length}\r\n`)).toBe(`expected the length of a text, got "${length}"`);
    }
  });
});
