/**
 * Whether a MySQL or MariaDB server lets its account in, and what it is. The handshake is version 10, which all servers
 * since 1998 speak: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
 *
 * Every check logs in. A server that somebody leaves before that counts it as an interrupted handshake, and in the end
 * blocks the host (`max_connect_errors`). There is no goodbye before the login: MariaDB takes COM_QUIT for a bad handshake.
 */
import type { CheckConfigOf, ServerRole } from '../../../model/health.js';
import type { Check } from './check.js';
import { type Conversation, converse } from './conversation.js';
import { findPacket, type Packet, PacketReader, packetOf } from './mysql-packets.js';
import { plugins, proofOf } from './mysql-passwords.js';
import { told } from './reason.js';
import { checkRole } from './role.js';

/** Whom it tries to be where the settings name nobody: so the server's log says who asked. */
const NOBODY = 'spliceway';

// Numbers of the protocol.
const OK = 0x00;
const MORE_DATA = 0x01;
const SWITCH = 0xfe;
const ERROR = 0xff;
const COM_QUIT = 0x01;
const COM_QUERY = 0x03;
const HANDSHAKE_VERSION = 10;
/** CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION and CLIENT_PLUGIN_AUTH. */
const CAPABILITIES = 0x200 | 0x8000 | 0x80000;
const MOST_PACKET_BYTES = 1 << 24;
const UTF8 = 33;
/** What caching_sha2_password says when it knows the password already. */
const FAST_LOGIN = 3;
const ACCESS_DENIED = 1045;

export function mysqlCheck(config: CheckConfigOf<'mysql'>): Check {
  const { role } = config;
  return (target, signal) =>
    converse(target, signal, async (conversation) => {
      const isIn = await logIn(conversation, config);
      if (!isIn) return 'answers, without an account';
      const found = role === undefined ? '' : checkRole(role, ...(await roleOf(conversation)));
      await conversation.end(packetOf(0, Buffer.of(COM_QUIT)));
      return found;
    });
}

/**
 * @returns false where the settings name nobody, and the server has no such account
 * @throws what the server says against it
 */
async function logIn(
  conversation: Conversation,
  { user, password = '' }: CheckConfigOf<'mysql'>,
): Promise<boolean> {
  const { nonce, plugin } = greetingIn(await receive(conversation, 'its greeting'));
  conversation.send(packetOf(1, loginOf(user ?? NOBODY, plugin, proofOf(plugin, password, nonce))));
  for (;;) {
    const packet = await conversation.receive('the answer to the login', findPacket);
    const reader = new PacketReader(packet.payload);
    switch (reader.number(1)) {
      case OK:
        return true;
      case MORE_DATA:
        if (reader.number(1) === FAST_LOGIN) break;
        throw new Error(
          'caching_sha2_password asks for the password itself, which a check does not send; have the account log in ' +
            'once over TLS, or make it one of mysql_native_password',
        );
      case SWITCH: {
        const wanted = reader.text();
        // A zero ends it, which is no part of it.
        const proof = proofOf(wanted, password, reader.rest().subarray(0, NONCE_BYTES));
        conversation.send(packetOf(packet.count + 1, proof));
        break;
      }
      case ERROR:
        if (user === undefined && errorNumberIn(packet) === ACCESS_DENIED) return false;
        throw errorIn(packet);
      default:
        throw new Error('expected the answer to the login, got something else');
    }
  }
}

const NONCE_BYTES = 20;

/** For which password it asks. */
function greetingIn({ payload }: Packet): { readonly nonce: Buffer; readonly plugin: string } {
  const reader = new PacketReader(payload);
  const version = reader.number(1);
  if (version !== HANDSHAKE_VERSION) {
    throw new Error(`expected version ${HANDSHAKE_VERSION} of MySQL's handshake, got ${version}`);
  }
  // The version of the server, and the number of the connection.
  reader.text();
  reader.bytes(4);
  const first = reader.bytes(8);
  // A zero, capabilities (in two parts), the character set, the status, a length, and ten bytes without a meaning.
  reader.bytes(1 + 2 + 1 + 2 + 2 + 1 + 10);
  const nonce = Buffer.concat([first, reader.bytes(NONCE_BYTES - first.length)]);
  reader.bytes(1);
  const plugin = reader.text();
  const [anywhere = ''] = plugins;
  // It asks again where the account is of another.
  return { nonce, plugin: plugins.includes(plugin) ? plugin : anywhere };
}

function loginOf(user: string, plugin: string, proof: Buffer): Buffer {
  const head = Buffer.alloc(32);
  head.writeUInt32LE(CAPABILITIES, 0);
  head.writeUInt32LE(MOST_PACKET_BYTES, 4);
  head.writeUInt8(UTF8, 8);
  const text = (words: string) => Buffer.from(`${words}\0`);
  return Buffer.concat([head, text(user), Buffer.of(proof.length), proof, text(plugin)]);
}

/** What it is, and what it said of that. */
async function roleOf(conversation: Conversation): Promise<[ServerRole, string]> {
  const query = Buffer.from('_SELECT @@global.read_only');
  query[0] = COM_QUERY;
  conversation.send(packetOf(0, query));
  const next = () => receive(conversation, 'the answer to SELECT @@global.read_only');
  // How many columns, which, the end of those; a row; the end of the rows.
  for (let head = 0; head < 3; head++) await next();
  const value = new PacketReader((await next()).payload).shortText();
  await next();
  const isPrimary = /^(0|OFF)$/i.test(value);
  return isPrimary ? ['primary', 'read_only is OFF'] : ['replica', 'read_only is ON'];
}

/** The next packet. @throws what the server says when it is an error */
async function receive(conversation: Conversation, what: string): Promise<Packet> {
  const packet = await conversation.receive(what, findPacket);
  if (packet.payload[0] === ERROR) throw errorIn(packet);
  return packet;
}

const errorNumberIn = ({ payload }: Packet) => new PacketReader(payload.subarray(1)).number(2);

function errorIn(packet: Packet): Error {
  // A state of SQL stands before the words once the server knows who it talks to.
  const words = packet.payload.toString('utf8', 3).replace(/^#.{5}/, '');
  return new Error(`${told(words)} (${errorNumberIn(packet)})`);
}
