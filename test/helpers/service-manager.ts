/** A service manager as far as a service sees one: a socket of datagrams, and who sent what. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { within } from './deadline.js';

/** Prints an empty line when it listens, then each datagram in hex. Node has no such sockets. */
const PROGRAM = `
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1].replace("@", "\\0", 1) if sys.argv[1].startswith("@") else sys.argv[1])
print(flush=True)
while True: print(manager.recv(65536).hex(), flush=True)
`;

export interface ServiceManager {
  /** The next message, as its lines. */
  next(): Promise<readonly string[]>;
  /** Takes no message, until it goes on. */
  pause(): void;
  goOn(): void;
}

/** @param socket a path, or an abstract name after an `@`: what `NOTIFY_SOCKET` says */
export async function startServiceManager(socket: string): Promise<ServiceManager> {
  const program = spawn('python3', ['-c', PROGRAM, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    program.kill('SIGKILL');
  });
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  const nextLine = async (what: string): Promise<string> => {
    const { value, done } = await within(what, lines.next());
    if (done) throw new Error('the service manager ended');
    return value;
  };
  await nextLine('the service manager');
  return {
    pause: () => program.kill('SIGSTOP'),
    goOn: () => program.kill('SIGCONT'),
    next: async () => {
      const text = Buffer.from(await nextLine('a message of the service'), 'hex').toString();
      return text.split('\n');
    },
  };
}
